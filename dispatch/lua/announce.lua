-- An operator's notice (JSON), which stands in PostgreSQL: every node hears of it here.
-- KEYS: log
-- ARGV: notice
-- USES: emit
-- Answers: ok
local again = replayed()
if again then return again end
signal('noticed', '', {notice = notice})
return done('ok')

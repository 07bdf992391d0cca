-- An operator ends a session: the node where it lives hears it from the log. One that died long ago is not known.
-- KEYS: session
-- ARGV: session_id stale_ms
-- USES: emit sessions
-- Answers: ok | missing
local again = replayed()
if again then return again end
local member = living(session_id, redis.call('HGET', session_key, session_id), stale_ms)
if not member then return {'missing', emitted, ''} end
end_session(member, session_id)
signal('kicked', member, {session_id = session_id})
return done('ok')

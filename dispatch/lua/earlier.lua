-- The events that lead to some others, as far as PostgreSQL may not have them yet.
-- KEYS: log
-- ARGV: places
-- USES: emit
-- Answers: ok
for _, before in ipairs(cmsgpack.unpack(places)) do
  for _, event in ipairs((unprojected(before))) do emitted[#emitted + 1] = event end
end
return {'ok', emitted, ''}

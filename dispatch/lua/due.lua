-- Deadlines that have passed, earliest first, with what the engine needs to decide; and how long until the next one.
-- KEYS: deadlines
-- ARGV: most
-- Answers: ok and {due: [[order, due_at, status, kind, round, plan]], late_ms, wait_ms}
local due, hits = {}, redis.call('ZRANGEBYSCORE', deadlines_key, '-inf', now, 'WITHSCORES', 'LIMIT', 0, tonumber(most))
for i = 1, #hits, 2 do
  local f = redis.call('HMGET', key('order', hits[i]), 'status', 'kind', 'round', 'plan', 'due_at')
  if f[1] and f[5] ~= '' then due[#due + 1] = {hits[i], f[5], f[1], f[2], tonumber(f[3]), f[4]}
  else redis.call('ZREM', deadlines_key, hits[i]) end
end
local after = redis.call('ZRANGEBYSCORE', deadlines_key, '(' .. int(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
return {'ok', emitted, cmsgpack.pack({due = due, now = now, wait_ms = after[2] and after[2] - now or -1})}

-- Sessions of one agent, customer or member of staff: scored by when they were last refreshed.
local function begin_session(member, session_id, meta, most, stale_ms)
  local sessions = key('sessions', member)
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', sessions, '-inf', now - stale_ms)) do
    redis.call('ZREM', sessions, dead)
    redis.call('HDEL', key('session'), dead)
  end
  redis.call('ZADD', sessions, now, session_id)
  redis.call('HSET', key('session'), session_id, meta)
  local known = redis.call('ZRANGE', sessions, 0, -1)
  table.sort(known) -- ULIDs: the oldest first
  for i = 1, #known - most do
    redis.call('ZREM', sessions, known[i])
    redis.call('HDEL', key('session'), known[i])
    signal('replaced', member, {session_id = known[i]})
  end
end

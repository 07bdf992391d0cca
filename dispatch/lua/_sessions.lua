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
  local surplus = #known - most
  table.sort(known) -- ULIDs: the oldest first; but nodes' clocks differ, and the one that begins now is the newest
  for _, old in ipairs(known) do
    if surplus > 0 and old ~= session_id then
      redis.call('ZREM', sessions, old)
      redis.call('HDEL', key('session'), old)
      signal('replaced', member, {session_id = old})
      surplus = surplus - 1
    end
  end
end

-- Sessions of one agent, customer or member of staff: scored by when they were last refreshed. `session` holds what is
-- known of each (JSON), `connected` their ids in order, `unsent` what waited for the slow ones when it was told.
local function forget_session(member, session_id)
  redis.call('HDEL', key('session'), session_id)
  redis.call('HDEL', key('unsent'), session_id)
  redis.call('ZREM', key('connected'), session_id)
  return redis.call('ZREM', key('sessions', member), session_id) == 1
end

-- The agent stays reachable for a while after his last session: `vanish` ends that.
local function end_session(member, session_id)
  if forget_session(member, session_id) and redis.call('ZCARD', key('sessions', member)) == 0 then
    redis.call('ZADD', key('seen'), 'XX', now, member)
  end
end

-- Whose session it is, unless it is over, or died with its node: it was not refreshed for `stale_ms`.
local function living(session_id, meta, stale_ms)
  local member = meta and cjson.decode(meta).member
  local heard_at = member and redis.call('ZSCORE', key('sessions', member), session_id)
  return heard_at and tonumber(heard_at) >= now - stale_ms and member
end

local function begin_session(member, session_id, meta, most, stale_ms)
  local sessions = key('sessions', member)
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', sessions, '-inf', now - stale_ms)) do forget_session(member, dead) end
  redis.call('ZADD', sessions, now, session_id)
  redis.call('ZADD', key('connected'), 0, session_id)
  redis.call('HSET', key('session'), session_id, meta)
  local known = redis.call('ZRANGE', sessions, 0, -1)
  local surplus = #known - most
  table.sort(known) -- ULIDs: the oldest first; but nodes' clocks differ, and the one that begins now is the newest
  for _, old in ipairs(known) do
    if surplus > 0 and old ~= session_id then
      forget_session(member, old)
      signal('replaced', member, {session_id = old})
      surplus = surplus - 1
    end
  end
end

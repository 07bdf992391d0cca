-- A hub says of all its sessions of a slot: still here, and how many bytes wait to be sent (or nothing of that). Each
-- agent is matched again. Sessions that are over (also those that vanished while the hub hung) are named, so that the
-- hub ends them.
-- KEYS: seen
-- ARGV: sessions most
-- USES: emit match
-- Answers: ok and the sessions that are over
local over = {}
for _, pair in ipairs(cmsgpack.unpack(sessions)) do
  local agent_id, session_id, waiting = pair[1], pair[2], pair[3]
  if redis.call('ZSCORE', key('sessions', agent_id), session_id) then
    redis.call('ZADD', key('sessions', agent_id), now, session_id)
    redis.call('ZADD', seen_key, now, agent_id)
    if waiting and waiting > 0 then redis.call('HSET', key('unsent'), session_id, waiting)
    elseif waiting then redis.call('HDEL', key('unsent'), session_id) end
    match_agent(agent_id, profile(agent_id), tonumber(most))
    trim_inbox(agent_id)
  else
    over[#over + 1] = session_id
  end
end
return {'ok', {}, cmsgpack.pack(over)}

-- Agents of whom nothing was heard for `silent_ms`: not reachable any more. Their offers stay until the orders move on.
-- KEYS: seen
-- ARGV: silent_ms most
-- USES: sessions
-- Answers: ok and the ids
local gone = redis.call('ZRANGEBYSCORE', seen_key, '-inf', now - silent_ms, 'LIMIT', 0, tonumber(most))
for _, agent_id in ipairs(gone) do
  redis.call('ZREM', seen_key, agent_id)
  for _, role in ipairs(ROLES) do redis.call('ZREM', key('geo', role), agent_id) end
  for _, session_id in ipairs(redis.call('ZRANGE', key('sessions', agent_id), 0, -1)) do
    forget_session(agent_id, session_id)
  end
end
return {'ok', emitted, cmsgpack.pack(gone)}

-- An agent leaves the region for another one: refused while he holds jobs here. His sessions start over.
-- KEYS: agent jobs sessions seen
-- ARGV: agent_id
-- USES: emit sessions match
-- Answers: ok | holds
if redis.call('SCARD', jobs_key) > 0 then return {'holds', emitted, ''} end
for _, session_id in ipairs(redis.call('ZRANGE', sessions_key, 0, -1)) do forget_session(agent_id, session_id) end
withdraw_offers(agent_id)
redis.call('DEL', agent_key, sessions_key)
redis.call('ZREM', seen_key, agent_id)
for _, role in ipairs(ROLES) do redis.call('ZREM', key('geo', role), agent_id) end
signal('moved', agent_id, {})
return {'ok', {}, ''}

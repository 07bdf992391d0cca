-- An agent leaves the region for another one: refused while he holds jobs here. His sessions start over.
-- KEYS: agent jobs sessions inbox seen
-- ARGV: agent_id
-- USES: emit
-- Answers: ok | holds
if redis.call('SCARD', jobs_key) > 0 then return {'holds', emitted, ''} end
for _, session_id in ipairs(redis.call('ZRANGE', sessions_key, 0, -1)) do redis.call('HDEL', key('session'), session_id) end
redis.call('DEL', agent_key, sessions_key, inbox_key)
redis.call('ZREM', seen_key, agent_id)
redis.call('ZREM', key('geo', 'valet'), agent_id)
redis.call('ZREM', key('geo', 'shop'), agent_id)
signal('moved', agent_id, {})
return {'ok', {}, ''}

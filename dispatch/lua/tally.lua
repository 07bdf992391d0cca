-- Reconciliation: the load of an agent is what PostgreSQL says he holds.
-- KEYS: jobs
-- ARGV: agent_id order_ids
-- Answers: ok
redis.call('DEL', jobs_key)
for _, order_id in ipairs(cmsgpack.unpack(order_ids)) do redis.call('SADD', jobs_key, order_id) end
return {'ok', emitted, ''}

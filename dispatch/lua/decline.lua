-- A candidate does not want the order: he is not offered it again. It does not move the round's end.
-- KEYS: order offers inbox
-- ARGV: order_id agent_id reason actor
-- USES: emit
-- Answers: ok | not_offered
local again = replayed()
if again then return again end
local o = load(order_id)
if not o or redis.call('HEXISTS', offers_key, agent_id) == 0 then return {'not_offered', emitted, ''} end
if o.f.status ~= STATUS.open or has(o.f.declined, agent_id) then
  tell_last(o)
  return {'ok', emitted, ''}
end
redis.call('ZREM', inbox_key, order_id)
set(o, {declined = o.f.declined .. agent_id .. ','})
commit(o, 'declined', actor, {agent_id = agent_id, reason = reason})
return done('ok')

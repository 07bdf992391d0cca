-- What is known now of some agents, and of one order's offers to them: for the desk's list of candidates.
-- KEYS: offers
-- ARGV: order_id agent_ids
-- Answers: ok and per agent {reachable, status, load, lat, lon, offer, delivered_at, seen_at, heard_at};
-- '' or false where unknown
local known = {}
for i, agent_id in ipairs(cmsgpack.unpack(agent_ids)) do
  local p = redis.call('HMGET', key('agent', agent_id), 'status', 'lat', 'lon')
  local offer = redis.call('HMGET', offers_key, agent_id, 'd,' .. agent_id, 's,' .. agent_id,
    'h,' .. agent_id)
  known[i] = {redis.call('ZSCORE', key('seen'), agent_id) and true or false, p[1], redis.call('SCARD', key('jobs', agent_id)),
    p[2], p[3], offer[1], offer[2], offer[3], offer[4]}
end
return {'ok', emitted, cmsgpack.pack(known)}

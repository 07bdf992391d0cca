-- What is known now of some agents, and of one order's offers to them: for the desk's list of candidates and its map.
-- KEYS: offers seen
-- ARGV: order_id agent_ids
-- Answers: ok and per agent {reachable, status, load, lat, lon, offer, delivered_at, seen_at, heard_at};
-- '' or false where unknown. `order_id` '-' is no order's: the offers are not looked at.
local ids, known = cmsgpack.unpack(agent_ids), {}
local seen = #ids > 0 and redis.call('ZMSCORE', seen_key, unpack(ids)) or {}
local agent, jobs, no_offer = key('agent', ''), key('jobs', ''), {false, false, false, false}
for i, agent_id in ipairs(ids) do
  local p = redis.call('HMGET', agent .. agent_id, 'status', 'lat', 'lon')
  local offer = order_id ~= '-' and redis.call('HMGET', offers_key, agent_id, 'd,' .. agent_id, 's,' .. agent_id,
    'h,' .. agent_id) or no_offer
  known[i] = {seen[i] and true or false, p[1], redis.call('SCARD', jobs .. agent_id), p[2], p[3],
    offer[1], offer[2], offer[3], offer[4]}
end
return {'ok', emitted, cmsgpack.pack(known)}

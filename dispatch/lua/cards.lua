-- Reconciliation: profiles as PostgreSQL has them, where an older one is kept. Answers whom the region takes for
-- reachable though he is not one of these, or is one in another role: he has moved since.
-- KEYS: seen
-- ARGV: cards
-- USES: match
-- Answers: ok and the ids
local profiles, moved, known = cmsgpack.unpack(cards), {}, {}

local function look(agent_id)
  if known[agent_id] then return end
  known[agent_id] = true
  local card, role = profiles[agent_id], redis.call('HGET', key('agent', agent_id), 'role')
  if not card or (role and role ~= card.role) then moved[#moved + 1] = agent_id end
end

for _, agent_id in ipairs(redis.call('ZRANGE', seen_key, 0, -1)) do look(agent_id) end
for _, role in ipairs(ROLES) do
  for _, agent_id in ipairs(redis.call('ZRANGE', key('geo', role), 0, -1)) do look(agent_id) end
end
for agent_id, card in pairs(profiles) do
  if redis.call('EXISTS', key('agent', agent_id)) == 1 then keep_profile(agent_id, card) end
end
return {'ok', emitted, cmsgpack.pack(moved)}

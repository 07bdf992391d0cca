-- An operator changed an agent's profile. Suspension ends his sessions and his offers, not his jobs.
-- KEYS: agent
-- ARGV: agent_id card
-- USES: emit match
-- Answers: ok
if redis.call('EXISTS', agent_key) == 0 then return {'ok', {}, ''} end
keep_profile(agent_id, cmsgpack.unpack(card))
local p = profile(agent_id)
if p.suspended then
  withdraw_offers(agent_id)
  signal('suspended', agent_id, {})
elseif p.role == 'shop' then
  local home = redis.call('HMGET', agent_key, 'home_lat', 'home_lon')
  if home[1] and home[1] ~= '' then
    redis.call('HSET', agent_key, 'lat', home[1], 'lon', home[2])
    if redis.call('ZSCORE', key('seen'), agent_id) then redis.call('GEOADD', key('geo', 'shop'), home[2], home[1], agent_id) end
  end
end
match_agent(agent_id, profile(agent_id), 100)
return {'ok', {}, ''}

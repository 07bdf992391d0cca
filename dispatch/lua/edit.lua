-- Parts of an order are replaced: those given and no others, so that edits of different parts both stand. The end of
-- a round does not move. A scheduled order whose time has come by the edit opens. An open one that moved looks for
-- agents anew: who stands outside the round's radius of the new place (with an offer of the hall: outside `hall_m`,
-- too) has the offer no more, who stands inside gets one. `unheld` ('1'): only while no agent holds it.
-- KEYS: order offers
-- ARGV: order_id actor parts unheld opens_at terms hall_m
-- USES: emit match
-- Answers: ok | missing | wrong_status | not_scheduled
local again = replayed()
if again then return again end
local o = load(order_id)
if not o then return {'missing', emitted, ''} end
local f, changes, changed = o.f, {}, {}
for part, fields in pairs(cmsgpack.unpack(parts)) do
  local differs = false
  for name, value in pairs(fields) do
    if f[name] ~= value then changes[name], differs = value, true end
  end
  if differs then changed[#changed + 1] = part end
end
table.sort(changed)
if TERMINAL[f.status] or (unheld == '1' and HELD[f.status]) then return {'wrong_status', emitted, f.status} end
if changes.scheduled_at and f.status ~= STATUS.scheduled then return {'not_scheduled', emitted, f.status} end
if #changed == 0 then
  tell_last(o)
  return {'ok', emitted, ''}
end

local function metres(lat, lon) -- on the sphere of Redis GEO
  local u, v = math.sin(math.rad(lat - f.lat) / 2), math.sin(math.rad(lon - f.lon) / 2)
  local h = u * u + math.cos(math.rad(f.lat)) * math.cos(math.rad(lat)) * v * v
  return 2 * 6372797.560856 * math.asin(math.sqrt(math.min(1, h)))
end

-- A metre of leave: Redis rounds positions, and nobody is to lose an offer and get it again in one step.
local function beyond(agent_id, of)
  local at = redis.call('HMGET', key('agent', agent_id), 'lat', 'lon')
  local reach = tonumber(f.radius_m)
  if of == 'hall' then reach = math.max(reach, tonumber(hall_m)) end
  return not at[1] or metres(at[1], at[2]) > reach + 1
end

local function retract()
  local retracted, of_round = {}, 0
  local offers = redis.call('HGETALL', offers_key)
  for i = 1, #offers, 2 do
    local agent_id, of = offers[i], string.match(offers[i + 1], '^(%w+):')
    if of and not has(f.declined, agent_id) and beyond(agent_id, of) then
      redis.call('HDEL', offers_key, agent_id, 'd,' .. agent_id, 's,' .. agent_id, 'h,' .. agent_id)
      redis.call('ZREM', key('inbox', agent_id), order_id)
      retracted[#retracted + 1] = agent_id
      if of == f.round then of_round = of_round + 1 end
    end
  end
  table.sort(retracted)
  set(o, {round_offered = f.round_offered - of_round, offered = f.offered - #retracted})
  return retracted
end

local data, agents = {changed = changed}, {}
if changes.customer_id then data.former_customer = f.customer_id end
set(o, changes)
set_bonus(o)
if f.status == STATUS.open and (changes.lat or changes.lon) then
  data.retracted = retract()
  agents = match_order(o)
  data.agents = agents
end
local opens = changes.scheduled_at and not lies_ahead(opens_at)
if changes.scheduled_at and not opens then set(o, {due_at = opens_at}) end
commit(o, 'edited', actor, data, agents)
if opens then start_round(o, cmsgpack.unpack(terms), true, 'opened', actor, {}) end
return done('ok')

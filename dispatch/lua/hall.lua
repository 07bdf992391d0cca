-- The hall: open orders of some kinds around an agent, nearest first, from the place (after_m, after_id) on; equally
-- near ones by id. `kinds` has the hall's radius of each. What is listed counts as offered; one more than `most` is
-- answered when there is another page, and that one does not. Paused agents and those at capacity see it, too.
-- KEYS: agent
-- ARGV: agent_id card kinds most after_m after_id actor
-- USES: emit match
-- Answers: ok and [[order, state, metres]]
keep_profile(agent_id, cmsgpack.unpack(card))
local p, radii, reach = profile(agent_id), cmsgpack.unpack(kinds), 0
for _, m in pairs(radii) do reach = math.max(reach, m) end
local lat, lon = p.lat, p.lon
if p.role == 'shop' or not lat then
  local home = redis.call('HMGET', agent_key, 'home_lat', 'home_lon')
  lat, lon = home[1], home[2]
end
if p.suspended or not lat or lat == '' then return {'ok', emitted, cmsgpack.pack({})} end

local known = {}
local function shown(id, m)
  if known[id] == nil then
    local f = redis.call('HMGET', key('order', id), 'kind', 'audience', 'declined', 'released')
    known[id] = f[1] and m <= (radii[f[1]] or -1) and has(',' .. f[2] .. ',', p.role)
      and not has(f[3], agent_id) and not has(f[4], agent_id)
  end
  return known[id] and (m > tonumber(after_m) or (m == tonumber(after_m) and id > after_id))
end

-- Small first, then double. What lies as far as the last hit may have neighbours that were not looked at.
local function nearest_open(room)
  local count = room * 2
  while true do
    local found, whole = {}, 0
    local hits = redis.call('GEOSEARCH', key('hall'), 'FROMLONLAT', lon, lat, 'BYRADIUS', reach, 'm', 'ASC',
      'COUNT', count, 'WITHDIST')
    for _, hit in ipairs(hits) do
      local m = tonumber(hit[2])
      if shown(hit[1], m) then
        found[#found + 1] = {id = hit[1], m = m}
        if hit[2] ~= hits[#hits][2] then whole = whole + 1 end
      end
    end
    if #hits < count or whole >= room then
      table.sort(found, function(a, b) return a.m < b.m or (a.m == b.m and a.id < b.id) end)
      return found
    end
    count = count * 2
  end
end

local orders = {}
for i, hit in ipairs(nearest_open(tonumber(most) + 1)) do
  if i > tonumber(most) + 1 then break end
  local o = load(hit.id)
  if i <= tonumber(most) then offer_in_hall(o, agent_id, actor) end
  orders[i] = {hit.id, o.f, hit.m}
end
with_earlier()
return {'ok', emitted, cmsgpack.pack(orders)}

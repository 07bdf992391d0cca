-- Matching. Both directions run inside one slot, so no late-comer falls between: an order looks for agents in
-- `geo`, an agent for orders in `wanting`. Rules as in dispatch/eligibility.py, in the same order.
local function profile(agent_id)
  local p = redis.call('HMGET', key('agent', agent_id), 'role', 'skills', 'suspended', 'status', 'capacity', 'lat', 'lon')
  if not p[1] then return nil end
  return {role = p[1], skills = p[2], suspended = p[3] == '1', available = p[4] == 'available',
    capacity = tonumber(p[5]), lat = p[6], lon = p[7]}
end

-- The profile as an operator put it last: a session that begins may bring an older copy.
local function keep_profile(agent_id, card)
  local known = redis.call('HGET', key('agent', agent_id), 'updated_at')
  if known and tonumber(known) > tonumber(card.updated_at) then return end
  local flat = {}
  for name, value in pairs(card) do
    flat[#flat + 1] = name
    flat[#flat + 1] = value
  end
  redis.call('HSET', key('agent', agent_id), unpack(flat))
end

-- Why the agent may be offered nothing at all, or nil. `in_geo`: he was found there, where only the reachable stand.
local function why_idle(agent_id, p, in_geo)
  if p.suspended then return 'suspended' end
  if not in_geo and not redis.call('ZSCORE', key('seen'), agent_id) then return 'unreachable' end
  if not p.available then return 'paused' end
  if redis.call('SCARD', key('jobs', agent_id)) >= p.capacity then return 'at_capacity' end
  return nil
end

local function why_not(agent_id, p, f, in_geo)
  if not has(',' .. f.audience .. ',', p.role) then return 'role' end
  if not has(p.skills, f.kind) then return 'skill' end
  local idle = why_idle(agent_id, p, in_geo)
  if idle then return idle end
  if has(f.declined, agent_id) then return 'declined' end
  if has(f.released, agent_id) then return 'released' end
  return nil
end

-- `of`: the round that made the offers, or `hall`.
local function note_offers(o, agents, of)
  local flat, mark = {}, of .. ':' .. int(now)
  for i, agent_id in ipairs(agents) do
    flat[#flat + 1], flat[#flat + 2] = agent_id, mark
    redis.call('ZADD', key('inbox', agent_id), now, o.id)
    if #flat == 2 * MOST_UNPACKED or i == #agents then
      redis.call('HSET', key('offers', o.id), unpack(flat))
      flat = {}
    end
  end
end

-- Whether each of these agents was offered the order, in one call for many.
local function have_offers(o, agents)
  local found = {}
  for first = 1, #agents, MOST_UNPACKED do
    local last = math.min(first + MOST_UNPACKED - 1, #agents)
    for i, mark in ipairs(redis.call('HMGET', key('offers', o.id), unpack(agents, first, last))) do
      found[first + i - 1] = mark ~= false
    end
  end
  return found
end

-- Nobody reads it while his session lives, so it is cleaned only now and then.
local function trim_inbox(agent_id)
  redis.call('ZREMRANGEBYRANK', key('inbox', agent_id), 0, -1001)
end

-- All offers of an agent end, so that an order which wants him later is offered to him anew.
local function withdraw_offers(agent_id)
  for _, order_id in ipairs(redis.call('ZRANGE', key('inbox', agent_id), 0, -1)) do
    redis.call('HDEL', key('offers', order_id), agent_id, 'd,' .. agent_id, 's,' .. agent_id, 'h,' .. agent_id)
  end
  redis.call('DEL', key('inbox', agent_id))
end

-- The nearest `room` eligible agents of one role that are not among the `seen`; small first, then double.
-- Equally near ones come in another order when Redis is asked for more: a place in its list says nothing.
local function nearest(o, role, room, seen)
  local f, found, count = o.f, {}, room * 2
  while true do
    local hits = redis.call('GEOSEARCH', key('geo', role), 'FROMLONLAT', f.lon, f.lat, 'BYRADIUS', f.radius_m, 'm',
      'ASC', 'COUNT', count, 'WITHDIST')
    for _, hit in ipairs(hits) do
      local agent_id = hit[1]
      local p = not seen[agent_id] and profile(agent_id)
      seen[agent_id] = true
      if p and not why_not(agent_id, p, f, true) then
        found[#found + 1] = {id = agent_id, m = tonumber(hit[2])}
        if #found == room then return found end
      end
    end
    if #hits < count then return found end
    count = count * 2
  end
end

-- Offers the order to whom its round still wants; returns their ids, nearest first.
local function match_order(o)
  local f, found, agents, offered = o.f, {}, {}, {}
  local room = f.limit - f.round_offered
  if room < 1 then return agents end
  for _, agent_id in ipairs(redis.call('HKEYS', key('offers', o.id))) do offered[agent_id] = true end
  for role in string.gmatch(f.audience, '[^,]+') do
    for _, hit in ipairs(nearest(o, role, room, offered)) do found[#found + 1] = hit end
  end
  table.sort(found, function(a, b) return a.m < b.m or (a.m == b.m and a.id < b.id) end)
  for i = 1, math.min(room, #found) do agents[i] = found[i].id end
  note_offers(o, agents, f.round)
  set(o, {round_offered = f.round_offered + #agents, offered = f.offered + #agents})
  return agents
end

-- The round's bonus is the least. Only orders that were placed before it was kept lack it.
local function set_bonus(o)
  set(o, {bonus_fen = math.max(tonumber(o.f.own_bonus_fen), tonumber(o.f.round_bonus_fen or 0))})
end

-- A round starts: terms in, offers out, one event. `forget`: an entry into open, where earlier offers end.
local function start_round(o, terms, forget, kind, actor, data)
  local f = o.f
  if forget then
    forget_offers(o.id)
    set(o, {offered = 0})
  end
  set(o, {status = STATUS.open, round = terms.round, rounds = terms.rounds, radius_m = terms.radius_m, limit = terms.limit,
    audience = terms.audience, stall = terms.stall, round_offered = 0, due_at = now + terms.duration_ms,
    round_bonus_fen = terms.bonus_fen})
  set_bonus(o)
  set(o, OFF_DESK)
  local agents = match_order(o)
  data.round, data.radius_m, data.bonus_fen, data.agents = terms.round, terms.radius_m, tonumber(f.bonus_fen), agents
  commit(o, kind, actor, data, agents)
end

-- One open order in reach of one agent: offers it if it may be offered. Returns true when it was.
local function offer_if_wanted(agent_id, p, order_id)
  if redis.call('HEXISTS', key('offers', order_id), agent_id) == 1 then return false end
  local o = load(order_id)
  if not o or why_not(agent_id, p, o.f) then return false end
  note_offers(o, {agent_id}, o.f.round)
  set(o, {round_offered = o.f.round_offered + 1, offered = o.f.offered + 1})
  commit(o, 'offered', 'engine:', {round = tonumber(o.f.round), agents = {agent_id}}, {agent_id})
  return true
end

-- He was shown the order in the hall: it is offered to him, beyond its round's limit.
local function offer_in_hall(o, agent_id, actor)
  if redis.call('HEXISTS', key('offers', o.id), agent_id) == 1 then return end
  note_offers(o, {agent_id}, 'hall')
  set(o, {offered = o.f.offered + 1})
  commit(o, 'offered', actor, {round = tonumber(o.f.round), agents = {agent_id}, hall = true}, {agent_id})
end

local function not_in_inbox(agent_id, order_ids)
  local found = {}
  for first = 1, #order_ids, MOST_UNPACKED do
    local last = math.min(first + MOST_UNPACKED - 1, #order_ids)
    for i, at in ipairs(redis.call('ZMSCORE', key('inbox', agent_id), unpack(order_ids, first, last))) do
      if not at then found[#found + 1] = order_ids[first + i - 1] end
    end
  end
  return found
end

-- Those of one group that are in reach of him: ANY order of hits; small first, then double, until enough or all were
-- seen. Returns how many more he may be offered.
local function match_group(agent_id, p, group, enough)
  local wanting, radius_m = key('wanting', p.role .. ':' .. group), string.match(group, '^%d+')
  local count, seen = 64, {}
  while true do
    local hits = redis.call('GEOSEARCH', wanting, 'FROMLONLAT', p.lon, p.lat, 'BYRADIUS', radius_m, 'm',
      'COUNT', count, 'ANY')
    for _, order_id in ipairs(not_in_inbox(agent_id, hits)) do
      if not seen[order_id] then
        seen[order_id] = true
        if offer_if_wanted(agent_id, p, order_id) then enough = enough - 1 end
        if enough < 1 then return enough end
      end
    end
    if #hits < count then
      if #hits == 0 and redis.call('EXISTS', wanting) == 0 then redis.call('SREM', key('reach', p.role), group) end
      return enough
    end
    count = count * 2
  end
end

-- The agent became eligible, came nearer or has room again: the open orders that want him, at most `enough` at a
-- time (the refresh goes on).
local function match_agent(agent_id, p, enough)
  if not p or not p.lat or why_idle(agent_id, p) then return end
  for _, group in ipairs(redis.call('SMEMBERS', key('reach', p.role))) do
    if has(p.skills, string.match(group, ':(.+)$')) then enough = match_group(agent_id, p, group, enough) end
    if enough < 1 then return end
  end
end

-- After a job ended: its agent has room again.
local function free(agent_id)
  if agent_id ~= '' then match_agent(agent_id, profile(agent_id), 20) end
end

-- Orders: load, change, and the one way to write: `commit`. Validate first, write last: Lua has no rollback.

-- Where agents find the order while its round has room: '' or `group lon lat audience`. A group is of one radius and
-- one kind, so that an agent's search meets no order that is out of reach or not in his skills, however many there are.
local function wanted_at(f)
  if f.status ~= STATUS.open or tonumber(f.round_offered) >= tonumber(f.limit) then return '' end
  return f.radius_m .. ':' .. f.kind .. ' ' .. f.lon .. ' ' .. f.lat .. ' ' .. f.audience
end

local function load(id)
  local flat = redis.call('HGETALL', key('order', id))
  if #flat == 0 then return nil end
  local f, o = {}, {id = id, dirty = {}}
  for i = 1, #flat, 2 do
    if flat[i] == 'entry' then o.entry = flat[i + 1]
    elseif flat[i] ~= 'tracked_at' then f[flat[i]] = flat[i + 1] end
  end
  o.f, o.was, o.was_on_desk = f, HELD[f.status] and f.agent_id or '', f.desk_at ~= ''
  o.wanted = wanted_at(f)
  return o
end

local function set(o, changes)
  for name, value in pairs(changes) do
    if type(value) == 'number' then value = int(value) end
    o.f[name], o.dirty[name] = value, value
  end
end

local function append(fields)
  local n = redis.call('INCR', key('n'))
  fields[#fields + 1] = 'n'
  fields[#fields + 1] = int(n)
  local entry = redis.call('XADD', key('log'), '*', unpack(fields))
  emitted[#emitted + 1], entries[#entries + 1] = fields, entry
  return entry
end

-- `reach` names the groups of a role; a search that finds one empty takes it out.
local function want(o)
  local at = wanted_at(o.f)
  if at == o.wanted then return end
  local group, audience = string.match(o.wanted, '^(%S+) .* (%S+)$')
  for role in string.gmatch(audience or '', '[^,]+') do redis.call('ZREM', key('wanting', role .. ':' .. group), o.id) end
  group, audience = string.match(at, '^(%S+) .* (%S+)$')
  for role in string.gmatch(audience or '', '[^,]+') do
    redis.call('GEOADD', key('wanting', role .. ':' .. group), o.f.lon, o.f.lat, o.id)
    redis.call('SADD', key('reach', role), group)
  end
  o.wanted = at
end

-- All offers of an order end. What stands in an inbox stands in its order's `offers`, too, while the order is wanted:
-- so one look at his inbox tells an agent which of the orders around he was offered.
local function forget_offers(order_id)
  for _, agent_id in ipairs(redis.call('HKEYS', key('offers', order_id))) do
    if not string.find(agent_id, ',', 1, true) then redis.call('ZREM', key('inbox', agent_id), order_id) end
  end
  redis.call('DEL', key('offers', order_id))
end

-- Whatever its state says: for an order whose indexes are not to be believed.
local function unwant(id)
  for _, role in ipairs(ROLES) do
    for _, group in ipairs(redis.call('SMEMBERS', key('reach', role))) do
      redis.call('ZREM', key('wanting', role .. ':' .. group), id)
    end
  end
end

-- The region's indexes follow from the order's state alone; every commit puts them right. Every unfinished order
-- stands in `deadlines`, `desk` or `held`: there reconciliation finds it.
local function index(o)
  local f = o.f
  if f.due_at ~= '' then redis.call('ZADD', key('deadlines'), f.due_at, o.id)
  else redis.call('ZREM', key('deadlines'), o.id) end
  if f.desk_at ~= '' then redis.call('ZADD', key('desk'), f.desk_at, o.id)
  elseif o.was_on_desk then redis.call('ZREM', key('desk'), o.id) end
  want(o)
  -- By the area that candidates see: whoever bisects the hall's radius learns no more than that.
  if f.status == STATUS.open then
    redis.call('GEOADD', key('hall'), string.format('%.3f', f.lon), string.format('%.3f', f.lat), o.id)
  else redis.call('ZREM', key('hall'), o.id) end
  local holder = HELD[f.status] and f.agent_id or ''
  if o.was ~= '' and o.was ~= holder then redis.call('SREM', key('jobs', o.was), o.id) end
  if holder ~= '' then
    redis.call('SADD', key('jobs', holder), o.id)
    redis.call('SADD', key('held'), o.id)
  else redis.call('SREM', key('held'), o.id) end
  return holder
end

-- Where the order's last event stands in the log; '' when PostgreSQL has it for certain: the region was put right since.
local function place_of_last(o)
  local of, entry = string.match(o.entry or '', '^(%S+) (.+)$')
  return of == epoch and entry or ''
end

local changed = {} -- orders of this script, each with the place of what came before its first event here

-- One transition: fields, version, indexes and event in one step. `to`: agents newly offered the order. `passing`:
-- the same script commits the order once more, and its indexes then.
local function commit(o, kind, actor, data, to, passing)
  set(o, {version = o.f.version + 1})
  local f, flat, before = o.f, {}, place_of_last(o)
  local holder = passing and '' or index(o)
  if not changed[o.id] then
    changed[o.id] = true
    changed[#changed + 1] = before
  end
  local entry = append({
    'type', kind, 'order', o.id, 'version', f.version, 'to', table.concat(to or {}, ','),
    'holder', holder, 'was', o.was, 'customer', f.customer_id,
    'desk', (o.was_on_desk or f.desk_at ~= '') and '1' or '', 'before', before,
    'body', cmsgpack.pack({at = now, actor = actor, epoch = epoch, data = data, state = f}),
  })
  for name, value in pairs(o.dirty) do
    flat[#flat + 1] = name
    flat[#flat + 1] = value
  end
  o.entry = epoch .. ' ' .. entry
  redis.call('HSET', key('order', o.id), 'entry', o.entry, unpack(flat))
  o.dirty, o.was, o.was_on_desk = {}, holder, f.desk_at ~= ''
end

-- An agent's event, or a customer's: it stands in the same log, with `n` and no version.
local function signal(kind, agent_id, data, customer_id)
  append({
    'type', kind, 'order', '', 'version', '0', 'to', agent_id, 'holder', '', 'was', '',
    'customer', customer_id or '', 'desk', '', 'before', '',
    'body', cmsgpack.pack({at = now, actor = '', epoch = epoch, data = data}),
  })
end

local function is_behind(entry, other)
  local ms, seq = string.match(entry, '^(%d+)-(%d+)$')
  local other_ms, other_seq = string.match(other, '^(%d+)-(%d+)$')
  if ms ~= other_ms then return tonumber(ms) > tonumber(other_ms) end
  return tonumber(seq) > tonumber(other_seq)
end

-- What PostgreSQL may not have yet of one order: its events up to the entry `last` that lie behind the projector's
-- place, in their order, and their places. Whoever writes an event into SQL brings these, too: else a loss of Redis
-- would leave a hole in the order's timeline.
local function unprojected(last)
  local projected, events, places = redis.call('GET', key('projected')) or '0-0', {}, {}
  while last ~= '' and is_behind(last, projected) do
    local found = redis.call('XRANGE', key('log'), last, last)
    if not found[1] then break end
    table.insert(events, 1, found[1][2])
    table.insert(places, 1, last)
    last = ''
    for i = 1, #found[1][2], 2 do
      if found[1][2][i] == 'before' then last = found[1][2][i + 1] end
    end
  end
  return events, places
end

-- Before the events of this script, those that lead to them.
with_earlier = function()
  local events, places = {}, {}
  for _, before in ipairs(changed) do
    local more, at = unprojected(before)
    for i = 1, #more do events[#events + 1], places[#places + 1] = more[i], at[i] end
  end
  for i = 1, #emitted do events[#events + 1] = emitted[i] end
  for i = 1, #entries do places[#places + 1] = entries[i] end
  emitted, entries, changed = events, places, {}
end

-- The event that brought the order to its present state is among the answer's, with those that lead to it; not when
-- PostgreSQL has it for certain: the log let go of it, or the region was reconciled since (`apply` would refuse an
-- event of the older epoch).
local function tell_last(o)
  local last = place_of_last(o)
  if last == '' then return end
  local events = unprojected(last)
  if #events == 0 then
    local found = redis.call('XRANGE', key('log'), last, last)
    events = {found[1] and found[1][2]}
  end
  for _, event in ipairs(events) do emitted[#emitted + 1] = event end
end

-- The time limit of a held status, from `status:ms` pairs; '' when there is none.
local function stall_due(f, status)
  local ms = string.match(',' .. f.stall .. ',', ',' .. status .. ':(%d+),')
  return ms and now + ms or ''
end

-- Whether a scheduled order's time lies ahead. Within a second it has come: nobody wakes up for a nearer deadline.
local function lies_ahead(opens_at)
  return opens_at ~= '' and tonumber(opens_at) > now + 1000
end

local function taken_by_another(f, dispatcher_id)
  return f.taken_by ~= '' and f.taken_by ~= dispatcher_id and tonumber(f.taken_until) > now
end

local OFF_DESK = {desk_at = '', stalled = '0', taken_by = '', taken_until = ''}

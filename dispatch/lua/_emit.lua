-- Orders: load, change, and the one way to write: `commit`. Validate first, write last: Lua has no rollback.
local function load(id)
  local flat = redis.call('HGETALL', key('order', id))
  if #flat == 0 then return nil end
  local f, o = {}, {id = id, dirty = {}}
  for i = 1, #flat, 2 do
    if flat[i] == 'entry' then o.entry = flat[i + 1]
    elseif flat[i] ~= 'tracked_at' then f[flat[i]] = flat[i + 1] end
  end
  o.f, o.was, o.was_on_desk = f, HELD[f.status] and f.agent_id or '', f.desk_at ~= ''
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

-- The region's indexes follow from the order's state alone; every commit puts them right.
local function index(o)
  local f = o.f
  if f.due_at ~= '' then redis.call('ZADD', key('deadlines'), f.due_at, o.id)
  else redis.call('ZREM', key('deadlines'), o.id) end
  if f.desk_at ~= '' then redis.call('ZADD', key('desk'), f.desk_at, o.id)
  elseif o.was_on_desk then redis.call('ZREM', key('desk'), o.id) end
  local room = f.status == STATUS.open and tonumber(f.round_offered) < tonumber(f.limit)
  for _, role in ipairs(ROLES) do -- all: the policy's audience may be another one than a round ago
    if room and has(',' .. f.audience .. ',', role) then redis.call('GEOADD', key('wanting', role), f.lon, f.lat, o.id)
    else redis.call('ZREM', key('wanting', role), o.id) end
  end
  -- By the area that candidates see: whoever bisects the hall's radius learns no more than that.
  if f.status == STATUS.open then
    redis.call('GEOADD', key('hall'), string.format('%.3f', f.lon), string.format('%.3f', f.lat), o.id)
  else redis.call('ZREM', key('hall'), o.id) end
  local holder = HELD[f.status] and f.agent_id or ''
  if o.was ~= '' and o.was ~= holder then redis.call('SREM', key('jobs', o.was), o.id) end
  if holder ~= '' then redis.call('SADD', key('jobs', holder), o.id) end
  return holder
end

-- One transition: fields, version, indexes and event in one step. `to`: agents newly offered the order.
local function commit(o, kind, actor, data, to)
  set(o, {version = o.f.version + 1})
  local f, flat = o.f, {}
  local holder = index(o)
  local entry = append({
    'type', kind, 'order', o.id, 'version', f.version, 'to', table.concat(to or {}, ','),
    'holder', holder, 'was', o.was, 'customer', f.customer_id,
    'desk', (o.was_on_desk or f.desk_at ~= '') and '1' or '',
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
    'customer', customer_id or '', 'desk', '',
    'body', cmsgpack.pack({at = now, actor = '', epoch = epoch, data = data}),
  })
end

-- The event that brought the order to its present state; nil when PostgreSQL has it for certain: the log let go of
-- it, or the region was reconciled since (`apply` would refuse an event of the older epoch).
local function last_event(o)
  local of, entry = string.match(o.entry or '', '^(%S+) (.+)$')
  if of ~= epoch then return nil end
  local found = redis.call('XRANGE', key('log'), entry, entry)
  return found[1] and found[1][2]
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

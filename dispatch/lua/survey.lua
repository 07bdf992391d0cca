-- How some orders stand here, and which of the region's indexes disagree with that. Changes nothing.
-- KEYS: deadlines
-- ARGV: order_ids
-- USES: emit
-- Answers: ok and per order [version, status, fence, agent, names of indexes]; version 0 of one that is not here
local NONE = {version = '0', status = '', fence = '0', agent_id = '', due_at = '', desk_at = '', audience = '',
  round_offered = '0', limit = '0'}
local groups = {}
for _, role in ipairs(ROLES) do groups[role] = redis.call('SMEMBERS', key('reach', role)) end

-- In the one group where it belongs, and in no other.
local function is_wanted_right(id, f, role)
  local own = has(',' .. f.audience .. ',', role) and string.match(wanted_at(f), '^%S+')
  local missing = own
  for _, group in ipairs(groups[role]) do
    local there = redis.call('ZSCORE', key('wanting', role .. ':' .. group), id) ~= false
    if there ~= (group == own) then return false end
    if there then missing = false end
  end
  return not missing
end

local function survey(id)
  local o, wrong = load(id), {}
  local f = o and o.f or NONE
  local function check(name, is, should)
    if is ~= should then wrong[#wrong + 1] = name end
  end
  check('deadlines', redis.call('ZSCORE', deadlines_key, id) or '', f.due_at)
  check('desk', redis.call('ZSCORE', key('desk'), id) or '', f.desk_at)
  check('hall', redis.call('ZSCORE', key('hall'), id) ~= false, f.status == STATUS.open)
  for _, role in ipairs(ROLES) do check('wanting', is_wanted_right(id, f, role), true) end
  local held = HELD[f.status] or false
  check('held', redis.call('SISMEMBER', key('held'), id) == 1, held)
  if held then check('jobs', redis.call('SISMEMBER', key('jobs', f.agent_id), id), 1) end
  return {tonumber(f.version), f.status, tonumber(f.fence), f.agent_id, wrong}
end

local found = {}
for i, id in ipairs(cmsgpack.unpack(order_ids)) do found[i] = survey(id) end
return {'ok', emitted, cmsgpack.pack(found)}

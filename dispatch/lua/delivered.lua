-- What hubs gathered in a second: offers that reached a socket (`d`) or an eye (`s`). No event: neither changes the order.
-- An offer may have ended meanwhile, and the first time counts.
-- KEYS: n
-- ARGV: marks
-- Answers: ok

-- One order's marks: agents and `what,agent` by turns. A call for all of them to read, another one to write.
local function mark_order(order_id, fields)
  local found, fresh = redis.call('HMGET', key('offers', order_id), unpack(fields)), {}
  for i = 1, #fields, 2 do
    if found[i] and not found[i + 1] then
      fresh[#fresh + 1], fresh[#fresh + 2] = fields[i + 1], int(now)
    end
  end
  if #fresh > 0 then redis.call('HSET', key('offers', order_id), unpack(fresh)) end
end

local of_order = {}
for _, mark in ipairs(cmsgpack.unpack(marks)) do
  local order_id, agent_id, what = mark[1], mark[2], mark[3]
  local fields = of_order[order_id] or {}
  fields[#fields + 1], fields[#fields + 2] = agent_id, what .. ',' .. agent_id
  of_order[order_id] = fields
  if #fields >= 2 * MOST_UNPACKED then
    mark_order(order_id, fields)
    of_order[order_id] = nil
  end
end
for order_id, fields in pairs(of_order) do mark_order(order_id, fields) end
return {'ok', emitted, ''}

-- Positions of valets, gathered by a hub. A moving agent is matched each `match_m`, or after `match_ms` when he came half
-- as far: whoever stands is found by new orders, and what this leaves out, the refresh makes up. An old session's position does not count; a shop stands at its home. The customers
-- of orders that he is on his way with hear where he is, of each order at most each `track_ms`.
-- KEYS: seen
-- ARGV: moves match_ms match_m track_ms
-- USES: emit match
-- Answers: ok
local function is_due(p, lat, lon)
  local mlat, mlon = tonumber(p[4] or ''), tonumber(p[5] or '')
  if not mlat then return true end
  local dy = (lat - mlat) * 111195
  local dx = (lon - mlon) * 111195 * math.cos(math.rad(lat))
  local moved = (dx * dx + dy * dy) / (match_m * match_m)
  return moved > 1 or (moved > 0.25 and math.abs(now - (p[3] or 0)) >= tonumber(match_ms))
end

local function track(agent_id, lat, lon)
  for _, order_id in ipairs(redis.call('SMEMBERS', key('jobs', agent_id))) do
    local f = redis.call('HMGET', key('order', order_id), 'status', 'customer_id', 'tracked_at')
    if HELD[f[1]] and f[1] ~= STATUS.assigned and now - (f[3] or 0) >= tonumber(track_ms) then
      redis.call('HSET', key('order', order_id), 'tracked_at', int(now))
      signal('tracked', '', {order_id = order_id, lat = tonumber(lat), lon = tonumber(lon)}, f[2])
    end
  end
end

local at = {} -- where everybody is now: one call for all, at most 3,000 values
for _, move in ipairs(cmsgpack.unpack(moves)) do
  local agent_id, session_id, lat, lon = move[1], move[2], move[3], move[4]
  local p = redis.call('HMGET', key('agent', agent_id), 'role', 'status', 'matched_at', 'matched_lat', 'matched_lon')
  if p[1] == 'valet' and redis.call('ZSCORE', key('sessions', agent_id), session_id) then
    at[#at + 1], at[#at + 2], at[#at + 3] = lon, lat, agent_id
    if p[2] == 'available' and is_due(p, tonumber(lat), tonumber(lon)) then
      redis.call('HSET', key('agent', agent_id), 'lat', lat, 'lon', lon,
        'matched_at', int(now), 'matched_lat', lat, 'matched_lon', lon)
      match_agent(agent_id, profile(agent_id), 20)
    else
      redis.call('HSET', key('agent', agent_id), 'lat', lat, 'lon', lon)
    end
    track(agent_id, lat, lon)
  end
end
if #at > 0 then redis.call('GEOADD', key('geo', 'valet'), unpack(at)) end
return {'ok', {}, ''}

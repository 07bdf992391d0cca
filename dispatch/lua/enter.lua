-- A session of an agent begins: he is reachable, is matched against the open orders, and reads the present.
-- The oldest of too many sessions are over; every node hears it from the log. The snapshot's `n` is of the same
-- instant: what the log holds up to it is in the snapshot, what comes later is not.
-- KEYS: agent seen
-- ARGV: agent_id session_id card meta status said_at lat lon most_sessions stale_ms most
-- USES: emit sessions match snapshot
-- Answers: ok and a snapshot
-- One who is announced again repeats what he said at `said_at`: what another session has said since stands.
local known = redis.call('HGET', agent_key, 'status_at')
if said_at == '' or not known or tonumber(known) < tonumber(said_at) then
  redis.call('HSET', agent_key, 'status', status, 'status_at', said_at == '' and int(now) or said_at)
end
keep_profile(agent_id, cmsgpack.unpack(card))
begin_session(agent_id, session_id, meta, tonumber(most_sessions), tonumber(stale_ms))
redis.call('ZADD', seen_key, now, agent_id)
-- A shop stands at its home; a valet without a position now stands where he was last, at first at his home.
local p = profile(agent_id)
if p.suspended then signal('suspended', agent_id, {}) end -- since this session read his profile
local home = redis.call('HMGET', agent_key, 'home_lat', 'home_lon')
if p.role == 'shop' then lat, lon = home[1], home[2]
elseif lat == '' then lat, lon = p.lat or home[1], p.lon or home[2] end
if lat ~= '' then
  redis.call('HSET', agent_key, 'lat', lat, 'lon', lon, 'matched_lat', lat, 'matched_lon', lon, 'matched_at', int(now))
  redis.call('GEOADD', key('geo', p.role), lon, lat, agent_id)
  match_agent(agent_id, profile(agent_id), tonumber(most))
end
emitted = {}
return {'ok', emitted, snapshot(agent_id, tonumber(most))}

-- The agent is available or paused; his status is that of all his sessions. Offers he has stay with him.
-- `said_at`: of one who repeats what he said then, because Redis may have lost it ('': he says it now). What another
-- session of his has said since stands.
-- KEYS: agent sessions
-- ARGV: agent_id session_id status said_at
-- USES: emit match
-- Answers: ok | session_over, and when it was said
if not redis.call('ZSCORE', sessions_key, session_id) then return {'session_over', emitted, ''} end
local known = redis.call('HGET', agent_key, 'status_at')
if said_at ~= '' and known and tonumber(known) >= tonumber(said_at) then return {'ok', {}, said_at} end
if said_at == '' then said_at = int(now) end
redis.call('HSET', agent_key, 'status', status, 'status_at', said_at)
if status == 'available' then match_agent(agent_id, profile(agent_id), 100) end
return {'ok', {}, said_at}

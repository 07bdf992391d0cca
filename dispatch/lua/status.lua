-- The agent is available or paused; his status is that of all his sessions. Offers he has stay with him.
-- KEYS: agent sessions
-- ARGV: agent_id session_id status
-- USES: emit match
-- Answers: ok | session_over
if not redis.call('ZSCORE', sessions_key, session_id) then return {'session_over', emitted, ''} end
redis.call('HSET', agent_key, 'status', status)
if status == 'available' then match_agent(agent_id, profile(agent_id), 100) end
return {'ok', {}, ''}

-- Reconciliation is done: the region opens under its new epoch, and `n` goes on above whatever anybody saw; the entry
-- that says so shows every reader the leap. Refused when another reconciliation has begun meanwhile: then the private
-- epoch that this one ran under is gone. `undone` ('1'): answers kept from before may speak of what was undone.
-- KEYS: n
-- ARGV: number new_epoch undone
-- USES: emit
-- Answers: ok and the entry's id
redis.call('SET', n_key, number)
redis.call('SET', key('epoch'), new_epoch)
if undone == '1' then redis.call('SET', key('since'), new_epoch) end
epoch = new_epoch
signal('reconciled', '', {})
return {'ok', emitted, entries[1]}

-- ARGV: now, id, nonce, reason, delay ('' for no retry).
-- Returns the new run_at, '' for a dead letter, or nil if the lease is lost.
local now = present()
local job = held(ARGV[2], ARGV[3], now)
if not job then
  return false
end
job.error = ARGV[4]
if ARGV[5] == '' or job.attempt >= job.max_attempts then
  bury(job, now)
  return ''
end
wait(job, math.min(now + ARGV[5], 253402207200000))
wake()
return text(job.run_at)

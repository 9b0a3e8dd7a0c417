-- ARGV: now, id, nonce, pause. Returns 1, or nil if the lease is lost.
local now = present()
local job = held(ARGV[2], ARGV[3], now)
if not job then
  return false
end
job.attempt = job.attempt - 1
wait(job, math.min(now + ARGV[4], 253402207200000))
wake()
return 1

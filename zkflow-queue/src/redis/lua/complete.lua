-- ARGV: now, id, nonce. Returns 1, or nil if the lease is lost.
local job = held(ARGV[2], ARGV[3], present())
if not job then
  return false
end
forget(job)
return 1

-- ARGV: now, id. Returns whether there was a job to cancel.
settle(present())
local job = load(ARGV[2])
if not job or job.state == 'dead' then
  return 0
end
forget(job)
return 1

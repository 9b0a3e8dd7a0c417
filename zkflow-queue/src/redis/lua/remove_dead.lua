-- ARGV: now, id. Returns 1 if a dead letter was removed, else 0.
settle(present())
local job = load(ARGV[2])
if not job or job.state ~= 'dead' then
  return 0
end
forget(job)
return 1

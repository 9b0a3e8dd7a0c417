-- Shared code, prepended to every script. All keys belong to one queue and are in one slot:
--   jobs    hash    id -> the job in JSON, with its moments as text
--   keys    hash    dedup key -> id of the unfinished job with that key
--   later   zset    waiting jobs without a round: no lease has found them due yet; by run_at
--   due     zset    waiting jobs with a round, by run_at
--   ready   zset    the same jobs, all with score 0; the texts sort in hand-out order
--   turns   zset    the same jobs, all with score 0; the texts sort by priority, user and round
--   rounds  hash    priority -> last round handed out
--   leased  zset    leased jobs, by the end of the lease
--   dead    zset    dead letters, by the moment of death
-- ARGV[1] is the present moment in milliseconds, or empty for the clock of the server.
local jobs, keys, later, due, ready, turns, rounds, leased, dead = unpack(KEYS)

local DEAD_LETTERS = 10000
local LEASE_EXPIRED = 'lease expired'
local MOMENTS = { 'created', 'run_at', 'ends' }

local function text(number)
  return string.format('%.0f', number)
end

local function present()
  if ARGV[1] ~= '' then
    return tonumber(ARGV[1])
  end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function load(id)
  local stored = redis.call('HGET', jobs, id)
  if not stored then
    return nil
  end
  local job = cjson.decode(stored)
  for _, name in ipairs(MOMENTS) do
    job[name] = tonumber(job[name])
  end
  return job
end

-- Loads a job that another key lists. If it is missing, the server has evicted keys and no key of the queue can be
-- trusted: the queue is emptied. The reconciler pushes the pending jobs again.
local function listed(id)
  local job = load(id)
  if not job then
    redis.call('DEL', unpack(KEYS))
    error({ err = 'ERR keys of the queue were lost, so the queue was emptied: set maxmemory-policy to noeviction' })
  end
  return job
end

-- Stores the job; returns its JSON.
local function save(job)
  local stored = {}
  for name, value in pairs(job) do
    stored[name] = value
  end
  for _, name in ipairs(MOMENTS) do
    stored[name] = job[name] and text(job[name])
  end
  local json = cjson.encode(stored)
  redis.call('HSET', jobs, job.id, json)
  return json
end

-- Prefix of the texts in `ready` and `turns`: a higher priority sorts first.
local function line(job)
  return string.format('%08x', 2147483647 - job.priority)
end

local function place(job)
  return line(job) .. string.format('%014x%014x', job.round, job.run_at) .. job.id
end

-- A user id contains no space, and '!' is the character after the space.
local function user(job)
  return line(job) .. (job.user or '')
end

local function turn(job)
  return user(job) .. ' ' .. string.format('%014x', job.round) .. job.id
end

-- Removes the job from the sets of its state.
local function leave(job)
  if job.state == 'leased' then
    redis.call('ZREM', leased, job.id)
  elseif job.state == 'dead' then
    redis.call('ZREM', dead, job.id)
  elseif job.round then
    redis.call('ZREM', due, job.id)
    redis.call('ZREM', ready, place(job))
    redis.call('ZREM', turns, turn(job))
  else
    redis.call('ZREM', later, job.id)
  end
end

local function free_key(job)
  if job.key and job.state ~= 'dead' then
    redis.call('HDEL', keys, job.key)
  end
end

local function forget(job)
  leave(job)
  free_key(job)
  redis.call('HDEL', jobs, job.id)
end

-- Moves a leased job to the waiting state, due at `run_at`.
local function wait(job, run_at)
  leave(job)
  job.state, job.run_at, job.ends, job.nonce = 'waiting', run_at, nil, nil
  redis.call('ZADD', later, text(run_at), job.id)
  save(job)
end

local function bury(job, at)
  leave(job)
  free_key(job)
  job.state, job.ends, job.nonce = 'dead', at, nil
  redis.call('ZADD', dead, text(at), job.id)
  save(job)
  if redis.call('ZCARD', dead) > DEAD_LETTERS then
    redis.call('HDEL', jobs, redis.call('ZPOPMIN', dead)[1])
  end
end

-- Ends all leases that have expired.
local function settle(now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leased, '-inf', text(now))) do
    local job = listed(id)
    job.error = LEASE_EXPIRED
    if job.attempt >= job.max_attempts then
      bury(job, job.ends)
    else
      wait(job, job.ends)
    end
  end
end

-- The job, or nil unless `nonce` is that of its current lease and the lease has not ended.
local function held(id, nonce, now)
  local job = load(id)
  if job and job.state == 'leased' and job.nonce == nonce and job.ends > now then
    return job
  end
  return nil
end

-- Wakes the waiting leases of all processes.
local function wake()
  redis.call('PUBLISH', (string.gsub(jobs, 'jobs$', 'wake')), '')
end

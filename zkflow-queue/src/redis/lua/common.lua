-- What the scripts share; it stands in front of each. All keys are those of one queue, in one slot:
--   jobs    hash    id -> the job in JSON, its moments as text
--   keys    hash    key against duplicates -> id of the unfinished job that carries it
--   later   zset    waiting jobs that no lease has found due yet, by run_at
--   due     zset    waiting jobs that have their round, by run_at
--   ready   zset    the same, all of score 0: their texts sort in the order of handing out
--   turns   zset    the same, all of score 0: by priority, user and round
--   rounds  hash    priority -> the last round out of which a job was handed
--   leased  zset    leased jobs, by the end of the lease
--   dead    zset    dead letters, by the moment of death
-- ARGV[1] is the present moment in milliseconds, or empty for the server's own clock.
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

-- A job that another key names. A server that evicts keys may have lost it: then nothing here can be trusted, and the
-- queue is emptied. What is owed is pushed again by the reconciler.
local function listed(id)
  local job = load(id)
  if not job then
    redis.call('DEL', unpack(KEYS))
    error({ err = 'ERR the queue was damaged and is emptied: Redis must not evict keys (maxmemory-policy noeviction)' })
  end
  return job
end

-- Stores the job and returns it as it is stored.
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

-- Begins the texts of `ready` and `turns`: a higher priority sorts first.
local function line(job)
  return string.format('%08x', 2147483647 - job.priority)
end

local function place(job)
  return line(job) .. string.format('%014x%014x', job.round, job.run_at) .. job.id
end

-- A user's id holds no space, and '!' is what comes after it.
local function user(job)
  return line(job) .. (job.user or '')
end

local function turn(job)
  return user(job) .. ' ' .. string.format('%014x', job.round) .. job.id
end

-- Takes the job out of what lists it by its state.
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

-- The leased job waits from now on, due at `run_at`.
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

-- Writes down every lease that has ended.
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

-- The job, if `nonce` proves a lease of it that has not ended.
local function held(id, nonce, now)
  local job = load(id)
  if job and job.state == 'leased' and job.nonce == nonce and job.ends > now then
    return job
  end
  return nil
end

-- Wakes whoever waits for a job, in every process.
local function wake()
  redis.call('PUBLISH', (string.gsub(jobs, 'jobs$', 'wake')), '')
end

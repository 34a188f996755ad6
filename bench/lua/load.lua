-- Sends requests built at random from a pool file and checks every answer.
--
-- Arguments after the URL: the pool file, a seed, and a file for what answers give ("-" for none).
-- A pool file has one record a line, a letter, a space and the rest:
--   M method   H header   P path   B body
--   W bytes that a good answer holds   N bytes that a good answer does not hold
--   T a Lua pattern; what it captures in an answer is a line of the file for what answers give
-- In a body, a run of fifteen @ becomes an id that was never sent before.

local random, find, match, char = math.random, string.find, string.match, string.char
local concat = table.concat

local heads, tails, wanted, unwanted = {}, {}, {}, {}
local take, taken
local threads = {}

statuses = {} -- status -> answers, of those that are not 2xx
wrong_bodies = 0
first_wrong = ""
answered = 0

function setup(thread)
  threads[#threads + 1] = thread
end

local function read_pool(name)
  local pool = { M = {}, H = {}, P = {}, B = {}, W = {}, N = {}, T = {} }
  for line in io.lines(name) do
    local letter = line:sub(1, 1)
    table.insert(pool[letter], line:sub(3))
  end
  return pool
end

-- The pieces of a text between its runs of fifteen @.
local function split(text)
  local pieces, at = {}, 1
  while true do
    local from, to = find(text, "@@@@@@@@@@@@@@@", at, true)
    if not from then
      pieces[#pieces + 1] = text:sub(at)
      return pieces
    end
    pieces[#pieces + 1] = text:sub(at, from - 1)
    at = to + 1
  end
end

function init(args)
  local pool = read_pool(args[1])
  math.randomseed(tonumber(args[2]))
  local fixed = "Host: " .. wrk.host .. ":" .. wrk.port .. "\r\n"
  for _, header in ipairs(pool.H) do
    fixed = fixed .. header .. "\r\n"
  end
  for _, path in ipairs(pool.P) do
    heads[#heads + 1] = pool.M[1] .. " " .. path .. " HTTP/1.1\r\n" .. fixed
  end
  for _, body in ipairs(pool.B) do
    local tail = "Content-Type: application/json\r\nContent-Length: "
      .. #body .. "\r\n\r\n" .. body
    tails[#tails + 1] = split(tail)
  end
  if #tails == 0 then
    tails[1] = { "\r\n" }
  end
  wanted, unwanted, take = pool.W, pool.N, pool.T[1]
  if take and args[3] and args[3] ~= "-" then
    taken = assert(io.open(args[3], "a"))
    taken:setvbuf("full", 65536)
  end
end

local function new_id()
  local letters = {}
  for at = 1, 15 do
    local n = random(0, 35)
    letters[at] = n < 10 and 48 + n or 87 + n
  end
  return char(unpack(letters))
end

function request()
  local tail = tails[random(#tails)]
  local text = tail[1]
  if tail[2] then
    text = concat(tail, new_id())
  end
  return heads[random(#heads)] .. text
end

local function is_good(body)
  for at = 1, #wanted do
    if not find(body, wanted[at], 1, true) then
      return false
    end
  end
  for at = 1, #unwanted do
    if find(body, unwanted[at], 1, true) then
      return false
    end
  end
  return true
end

function response(status, headers, body)
  answered = answered + 1
  if status < 200 or status > 299 then
    statuses[status] = (statuses[status] or 0) + 1
  elseif is_good(body) then
    if take then
      local found = match(body, take)
      if not found then
        wrong_bodies = wrong_bodies + 1
      elseif taken then
        taken:write(found, "\n")
      end
    end
    return
  else
    wrong_bodies = wrong_bodies + 1
  end
  if first_wrong == "" then
    first_wrong = status .. " " .. body:sub(1, 300)
  end
end

function done(summary, latency)
  local parts, sample = {}, ""
  local function add(name, value)
    parts[#parts + 1] = name .. "=" .. string.format("%.0f", value)
  end
  add("requests", summary.requests)
  add("duration_us", summary.duration)
  add("p50_us", latency:percentile(50))
  add("p99_us", latency:percentile(99))
  for _, name in ipairs({ "connect", "read", "write", "timeout" }) do
    add("socket_" .. name, summary.errors[name])
  end
  local counts, wrong = {}, 0
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do
      counts[status] = (counts[status] or 0) + count
    end
    wrong = wrong + thread:get("wrong_bodies")
    sample = sample ~= "" and sample or thread:get("first_wrong")
  end
  for status, count in pairs(counts) do
    add("status_" .. status, count)
  end
  add("body", wrong)
  io.write("bench ", table.concat(parts, " "), "\n")
  if sample ~= "" then
    io.write("sample ", (sample:gsub("%s+", " ")), "\n")
  end
end

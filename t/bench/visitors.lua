-- wrk: each request comes from a new visitor, as mod_remoteip reads it from
-- X-Forwarded-For. Both sides of a comparison are asked through this script, so
-- that making a request costs both the same.
--
--   wrk -s visitors.lua URL -- HOST PATH [CUSTOMERS PAGES ASKED]
--
-- With CUSTOMERS and PAGES each request draws one of CUSTOMERS * PAGES
-- counters: "%c" in HOST and PATH is the customer's number, "%p" in PATH the
-- page's. ASKED "one" draws as well, and asks for the one in the middle.

local thread_number = 0

function setup(thread)
   thread:set("id", thread_number)
   thread_number = thread_number + 1
end

local visitor = 0
local host, path, customers, pages, one

local function head_of(h, p)
   return "GET " .. p .. " HTTP/1.1\r\nHost: " .. h .. "\r\nReferer: http://"
      .. h .. "/\r\nUser-Agent: wrk\r\nX-Forwarded-For: "
end

local fixed

function init(args)
   host, path = args[1], args[2]
   customers, pages = tonumber(args[3]), tonumber(args[4])
   one = args[5] == "one"
   fixed = not customers and head_of(host, path)
   math.randomseed(os.time() + id)
end

local function drawn()
   local c, p = math.random(customers), math.random(pages)
   if one then
      -- the drawing is used, so that it cannot be optimized away
      c = c > 0 and math.floor(customers / 2)
      p = p > 0 and math.floor(pages / 2)
   end
   local numbers = { ["%c"] = c, ["%p"] = p }
   return head_of(host:gsub("%%c", c), (path:gsub("%%[cp]", numbers)))
end

function request()
   -- 10.0.0.0/8, a sixteenth of it for each of up to 16 threads
   visitor = (visitor + 1) % 1048576
   local n = visitor + (id % 16) * 1048576
   return (fixed or drawn()) .. "10." .. math.floor(n / 65536) .. "."
      .. math.floor(n / 256) % 256 .. "." .. n % 256 .. "\r\n\r\n"
end

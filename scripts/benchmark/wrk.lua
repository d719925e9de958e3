-- Sends prepared requests in a loop, and prints the measurements of wrk as JSON.
-- Argument: the file of requests (for each its length in decimal, a newline, its bytes).
local requests, thread = {}, nil
-- Global, so that done() can read it from the thread. wrk asks for one request that it does not send: -1.
sent = -1

function setup(new_thread)
  thread = new_thread
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for length in function() return file:read("*l") end do
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
end

function request()
  sent = sent + 1
  return requests[sent % #requests + 1]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"sent":%d,"seconds":%f,"p50":%f,"p99":%f,"worst":%f,"errors":%d}\n',
    summary.requests, thread:get("sent"), summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status
  ))
end

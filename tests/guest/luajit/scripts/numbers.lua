-- Loops over numbers, which become machine code.
local compiled = 0
jit.attach(function(what) if what == "stop" then compiled = compiled + 1 end end, "trace")
print("compiler on", (jit.status()))

local function sieve(n)
  local composite, count = {}, 0
  for i = 2, n do
    if not composite[i] then
      count = count + 1
      for j = i * i, n, i do composite[j] = true end
    end
  end
  return count
end
print("primes", sieve(500000))

local function mandelbrot(size)
  local inside = 0
  for y = 0, size - 1 do
    for x = 0, size - 1 do
      local cr, ci, zr, zi, n = 2 * x / size - 1.5, 2 * y / size - 1, 0, 0, 0
      while n < 50 and zr * zr + zi * zi < 4 do
        zr, zi, n = zr * zr - zi * zi + cr, 2 * zr * zi + ci, n + 1
      end
      if n == 50 then inside = inside + 1 end
    end
  end
  return inside
end
print("mandelbrot", mandelbrot(200))

local function spectral_norm(n)
  local function a(i, j) return 1 / ((i + j) * (i + j + 1) / 2 + i + 1) end
  local function multiply(x, transposed)
    local y = {}
    for i = 0, n - 1 do
      local sum = 0
      for j = 0, n - 1 do sum = sum + (transposed and a(j, i) or a(i, j)) * x[j + 1] end
      y[i + 1] = sum
    end
    return y
  end
  local u, v = {}, nil
  for i = 1, n do u[i] = 1 end
  for _ = 1, 10 do
    v = multiply(multiply(u, false), true)
    u = multiply(multiply(v, false), true)
  end
  local uv, vv = 0, 0
  for i = 1, n do uv, vv = uv + u[i] * v[i], vv + v[i] * v[i] end
  return math.sqrt(uv / vv)
end
print("spectral norm", string.format("%.9f", spectral_norm(100)))

local bit = require("bit")
local hash = 5381
for i = 1, 2000000 do hash = bit.bxor(bit.lshift(hash, 5) + hash, i) end
print("hash", bit.tohex(hash))
print("machine code was made", compiled > 5)

-- More than fits: old machine code is thrown away.
jit.opt.start("maxtrace=20", "maxmcode=64", "hotloop=2")
local sum = 0
for i = 1, 300 do
  local f = loadstring("local s, n = 0, ... for i = 1, 50 do s = s + i % n end return s")
  sum = sum + f(i)
end
print("sum", sum)

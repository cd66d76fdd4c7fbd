-- The os library, as far as it must be the same everywhere.
print(os.time({ year = 2001, month = 9, day = 9, hour = 1, min = 46, sec = 40 }))
print(os.date("!%Y-%m-%d %H:%M:%S %a %j", 1000000000), os.date("%c", 0), os.date("*t", 86400).yday)
print(os.time({ year = 2024, month = 14, day = -3, hour = 12 }), os.date("!%F", os.time({ year = 2024, month = 2, day = 30 })))
print(os.difftime(10, 4), pcall(os.date, "%Ez"))
local now = os.time()
print("the clock is past 2025", now > 1735689600, os.date("*t", now).year >= 2025)
local before = os.clock()
local x = 0
for i = 1, 200000 do x = x + i end
print("processor time passes", os.clock() > before, x)
print(os.getenv("LUA_TEST"), os.getenv("NOT_THERE"), os.setlocale("C"), os.setlocale(nil, "numeric"))
math.randomseed(1, 2)
print(math.random(1, 1000000), math.random(1, 1000000), string.format("%.12f", math.random()))
print(math.sin(1), math.cos(1), math.exp(1), math.log(10), math.log(8, 2), math.fmod(-7, 3), math.ult(1, -1), math.type(1), math.type(1.0))
print(_VERSION, string.format("%d", math.maxinteger))

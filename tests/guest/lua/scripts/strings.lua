-- Patterns, formats, packing, UTF-8, large strings.
print(("key = value; other=thing"):gsub("(%w+)%s*=%s*(%w+)", "%2<-%1"))
for word, n in ("alpha 1, beta 22, gamma 333"):gmatch("(%a+) (%d+)") do io.write(word, ":", n + 0, " ") end
print()
print(("  trimmed  "):match("^%s*(.-)%s*$") .. "|", ("f(a(b)c)d"):match("%b()"), ("THE (quick) fox"):find("%((%a+)%)"))
print(("2026-03-14"):match("^(%d%d%d%d)-(%d%d)-(%d%d)$"), ("none"):match("%d"))
print(("hello world"):gsub("o", { o = "0" }), ("abc"):gsub("%w", function(c) return c:byte() .. "," end), ("THE"):gsub("%f[%a]%a", "<"))
print(string.format("%5d|%-8s|%08.3f|%x|%q|%g|%e|%%|%s", 42, "left", 3.14159, 255, 'quo"te\n', 1e20, 12345.678, nil))
print(string.format("%q", 1 / 3), string.format("%.14g %.3a", 0.1, 1.0), string.format("%-10.3s|", "abcdef"))
print(("x"):rep(5, "-"), ("abc"):reverse(), ("MiXed"):lower(), ("MiXed"):upper(), #("\0\1\2"), ("abc"):byte(1, -1))
local packed = string.pack("<i4 >I2 z s1 d", -2, 515, "zero", "counted", 1.5)
print(#packed, string.unpack("<i4 >I2 z s1 d", packed))
print(utf8.len("žluťoučký kůň"), utf8.char(0x20AC, 0x1F600), utf8.codepoint("€", 1))
for p, c in utf8.codes("aé€") do io.write(p, "=", c, " ") end
print()

local parts = {}
for i = 1, 20000 do parts[i] = i % 97 end
local long = table.concat(parts, " ")
local total = 0
for n in long:gmatch("%d+") do total = total + n end
print(#long, total, select(2, long:gsub("96", "")))
local hash = 5381
for i = 1, #long do hash = (hash * 33 + long:byte(i)) & 0xffffffff end
print(string.format("%08x", hash))

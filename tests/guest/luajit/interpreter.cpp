// Runs the scripts named on the command line with LuaJIT: once each, then all of them in several threads at the same time.
#include <cstdio>
#include <cstdlib>
#include <lua.hpp>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace {

// print() of the scripts: what they say is compared, and shown by the main thread only.
int print(lua_State* lua) {
    auto& output = *static_cast<std::string*>(lua_touserdata(lua, lua_upvalueindex(1)));
    for (int i = 1; i <= lua_gettop(lua); ++i) {
        lua_getglobal(lua, "tostring");
        lua_pushvalue(lua, i);
        lua_call(lua, 1, 1);
        output += (i > 1 ? " " : "") + std::string{lua_tostring(lua, -1)};
        lua_pop(lua, 1);
    }
    output += '\n';
    return 0;
}

std::string run(const char* script) {
    std::string output = "== " + std::string{script} + "\n";
    const std::unique_ptr<lua_State, void (*)(lua_State*)> owner{luaL_newstate(), lua_close};
    lua_State* const lua = owner.get();
    if (!lua) return "no memory for a Lua state\n";
    luaL_openlibs(lua);
    lua_pushlightuserdata(lua, &output);
    lua_pushcclosure(lua, print, 1);
    lua_setglobal(lua, "print");
    // Names of functions cannot be looked up in a static program.
    lua_pushlightuserdata(lua, reinterpret_cast<void*>(&std::qsort));
    lua_setglobal(lua, "qsort");
    if (luaL_loadfile(lua, script) != 0 || lua_pcall(lua, 0, 0, 0) != 0) output += "failed: " + std::string{lua_tostring(lua, -1)} + "\n";
    return output;
}

}  // namespace

int main(int argc, char** argv) {
    const std::span<char*> scripts{argv + 1, static_cast<size_t>(argc) - 1};
    std::string all;
    for (const char* script : scripts) all += run(script);
    std::fputs(all.c_str(), stdout);
    constexpr size_t thread_count = 4;
    std::vector<std::string> outputs(thread_count);
    std::vector<std::thread> threads;
    for (std::string& output : outputs) {
        threads.emplace_back([&output, scripts] {
            for (const char* script : scripts) output += run(script);
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::string& output : outputs) std::puts(output == all ? "a thread says the same" : output.c_str());
}

// A small standalone Lua: runs the scripts named on the command line, each in a state of its own.
#include <cstdio>
#include <lua.hpp>
#include <memory>

namespace {

// A function of the host, called from Lua: the sum of its arguments.
int sum(lua_State* lua) {
    lua_Number total = 0;
    for (int i = 1; i <= lua_gettop(lua); ++i) total += luaL_checknumber(lua, i);
    lua_pushnumber(lua, total);
    return 1;
}

int add_traceback(lua_State* lua) {
    luaL_traceback(lua, lua, lua_tostring(lua, 1), 1);
    return 1;
}

bool run(const char* script) {
    const std::unique_ptr<lua_State, void (*)(lua_State*)> owner{luaL_newstate(), lua_close};
    lua_State* lua = owner.get();
    if (!lua) {
        std::fputs("no memory for a Lua state\n", stderr);
        return false;
    }
    luaL_openlibs(lua);
    lua_register(lua, "sum", sum);
    lua_pushcfunction(lua, add_traceback);
    if (luaL_loadfile(lua, script) == LUA_OK && lua_pcall(lua, 0, 0, 1) == LUA_OK) return true;
    std::printf("%s failed: %s\n", script, lua_tostring(lua, -1));
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    int failed = 0;
    for (int i = 1; i < argc; ++i) {
        std::printf("== %s\n", argv[i]);
        std::fflush(stdout);
        failed += !run(argv[i]);
    }
    std::printf("== %d of %d scripts failed\n", failed, argc - 1);
    return failed;
}

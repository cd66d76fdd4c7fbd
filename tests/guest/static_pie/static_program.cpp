// What the start-up code of a static executable, relocated or not, must have got right: arguments, environment, auxiliary
// vector, relocations, thread-local storage, constructors, exceptions, and the rights of its segments.
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

extern char** environ;

namespace {

int constructed = 0;
struct Constructed {
    Constructed() { ++constructed; }
    ~Constructed() { std::puts("destroyed"); }
} const object;

thread_local int counter = 7;
thread_local std::string text = "thread-local";

struct Base {
    virtual ~Base() = default;
    virtual const char* name() const { return "base"; }
};
struct Derived : Base {
    const char* name() const override { return "derived"; }
};

// Needs a relocation for each entry in a position-independent executable.
int twice(int x) {
    return 2 * x;
}
int square(int x) {
    return x * x;
}
int (*const volatile table[])(int) = {twice, square};
const char* const names[] = {"twice", "square"};

// How /proc/self/maps describes the page at `address`: "r-xp", or "none".
std::string rights(const void* address) {
    const auto wanted = reinterpret_cast<uintptr_t>(address);
    std::ifstream maps{"/proc/self/maps"};
    for (std::string line; std::getline(maps, line);) {
        std::istringstream words{line};
        uintptr_t start = 0, end = 0;
        char dash = 0;
        std::string found;
        words >> std::hex >> start >> dash >> end >> found;
        if (start <= wanted && wanted < end) return found;
    }
    return "none";
}

int count_headers(dl_phdr_info* info, size_t, void* loads) {
    for (int i = 0; i < info->dlpi_phnum; ++i) *static_cast<int*>(loads) += info->dlpi_phdr[i].p_type == PT_LOAD;
    return 1;  // the first is the program; what the kernel adds (vDSO) is of no interest
}

}  // namespace

int main(int argc, char** argv) {
    std::printf("%d arguments:", argc - 1);
    for (int i = 1; i < argc; ++i) std::printf(" [%s]", argv[i]);
    std::printf(" end %s\n", argv[argc] ? "missing" : "null");
    int variables = 0;
    while (environ[variables]) ++variables;
    std::printf("%d variables, GREETING is %s\n", variables, std::getenv("GREETING"));

    std::printf("page size %lu, secure %lu, clock ticks %lu\n", getauxval(AT_PAGESZ), getauxval(AT_SECURE), getauxval(AT_CLKTCK));
    std::printf("identity %d\n", getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid());
    const char* executable = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
    std::printf("AT_EXECFN is argv[0]: %d, AT_RANDOM is there: %d\n", executable && !std::strcmp(executable, argv[0]),
                getauxval(AT_RANDOM) != 0);
    const auto* headers = reinterpret_cast<const ElfW(Phdr)*>(getauxval(AT_PHDR));
    int loads = 0, walked = 0;
    for (unsigned long i = 0; i < getauxval(AT_PHNUM); ++i) loads += headers[i].p_type == PT_LOAD;
    dl_iterate_phdr(count_headers, &walked);
    std::printf("%d segments, %d by dl_iterate_phdr, header size %lu\n", loads, walked, getauxval(AT_PHENT));
    extern char _start;
    std::printf("AT_ENTRY is _start: %d\n", getauxval(AT_ENTRY) == reinterpret_cast<unsigned long>(&_start));

    for (size_t i = 0; i < std::size(table); ++i) std::printf("%s(5) is %d\n", names[i], table[i](5));
    const Base* base = new Derived;
    std::printf("virtual call: %s, cast %d, constructed %d\n", base->name(), dynamic_cast<const Derived*>(base) != nullptr, constructed);
    delete base;
    text += " and changed";
    std::printf("%s, %d\n", text.c_str(), ++counter);
    try {
        (void)std::map<int, int>{{1, 2}}.at(3);
    } catch (const std::out_of_range&) {
        std::puts("caught out_of_range");
    }

    static int variable = 1;
    int local = 2;
    std::printf("code %s, constant %s, relocated constant %s, variable %s, stack %s, heap %s\n",
                rights(reinterpret_cast<const void*>(&twice)).c_str(), rights("constant").c_str(), rights(names).c_str(),
                rights(&variable).c_str(), rights(&local).c_str(), rights(text.data()).c_str());
    return 5;
}

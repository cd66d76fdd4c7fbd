// mmap, munmap, mprotect, mremap, madvise, mincore, mlock, msync, brk: what they do and how they refuse.
#include "check.hpp"

int main() {
    memory::check_map();
    memory::check_protect();
    memory::check_remap();
    memory::check_advise();
    memory::check_break();
    memory::check_file();
}

// /proc/self/maps
#include <algorithm>
#include <array>

#include "base/vector.hpp"
#include "libos/fs/path.hpp"
#include "libos/fs/proc/generators.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/process/process.hpp"

namespace eremite::fs::proc {

namespace {

// An area, noted while the address space is locked. Names of objects are asked for afterwards, since that takes locks of
// the file system, which rank before the address space's.
struct Area {
    VirtualRange range;
    mm::Protection protection;
    bool shared;
    uint64_t offset;
    Ref<mm::MemoryObject> object;
    std::string_view name;
};

// Column at which names start.
constexpr size_t name_column = 73;

void write_area(TextSink& out, const Area& area) {
    std::array<char, 128> text;
    BufferSink line{text};
    write_hexadecimal(line, area.range.start.value, 8);
    line.write("-");
    write_hexadecimal(line, area.range.end.value, 8);
    const char rights[] = {' ', area.protection.readable() ? 'r' : '-', area.protection.writable() ? 'w' : '-',
                           area.protection.executable() ? 'x' : '-', area.shared ? 's' : 'p', ' '};
    line.write({rights, sizeof rights});
    write_hexadecimal(line, area.offset, 8);
    std::array<char, 256> path;
    std::string_view name = area.name;
    uint64_t inode = 0;
    if (area.object) name = {path.data(), area.object->describe(path.data(), path.size(), inode)};
    format(line, " 00:{} {} ", area.object ? "02" : "00", inode);
    out.write(line.view());
    if (!name.empty()) {
        for (size_t column = line.view().size(); column < name_column; ++column) out.write(" ");
        out.write(name);
    }
    out.write("\n");
}

}  // namespace

Result<void> write_maps(TextSink& out) {
    Vector<Area> areas;
    bool complete = true;
    process::current().address_space().for_each([&](const mm::VmaInfo& info) {
        if (info.kernel) return;
        // SAFETY of the cast: only the reference count changes.
        auto object = Ref<mm::MemoryObject>::share(const_cast<mm::MemoryObject*>(info.object));
        complete =
            areas.push_back({info.range, info.protection, info.shared, info.object ? info.offset : 0, std::move(object), info.name}).ok() &&
            complete;
    });
    if (!complete) return Error{ENOMEM};
    for (const Area& area : areas) write_area(out, area);
    return {};
}

}  // namespace eremite::fs::proc

// /proc/self/mounts and /proc/self/mountinfo
#include <array>
#include <memory>

#include "libos/fs/mount.hpp"
#include "libos/fs/path.hpp"
#include "libos/fs/proc/generators.hpp"

namespace eremite::fs::proc {

namespace {

// What separates fields and lines appears as an octal number (getmntent(3)).
void write_escaped(TextSink& out, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const char octal[] = {'\\', static_cast<char>('0' + (byte >> 6)), static_cast<char>('0' + (byte >> 3 & 7)),
                              static_cast<char>('0' + (byte & 7))};
        const bool escaped = c == ' ' || c == '\t' || c == '\n' || c == '\\' || c == '#';
        out.write(escaped ? std::string_view{octal, sizeof octal} : std::string_view{&c, 1});
    }
}

Result<void> write_point(TextSink& out, const Mount& mount) {
    if (!mount.point()) {
        out.write("/");
        return {};
    }
    const std::unique_ptr<char[]> buffer{new (std::nothrow) char[path_maximum]};
    if (!buffer) return Error{ENOMEM};
    write_escaped(out, TRY(path_of(*mount.point(), {buffer.get(), path_maximum})));
    return {};
}

std::string_view access_of(const Mount& mount) { return mount.root()->file_system().read_only() ? "ro" : "rw"; }

// The mount on which the point of another stands; the root of all is its own.
uint32_t parent_of(const Mount& mount, const Vector<Ref<Mount>>& all) {
    for (const Ref<Mount>& other : all)
        if (mount.point() && &other->root()->file_system() == &mount.point()->file_system()) return other->identifier();
    return mount.identifier();
}

}  // namespace

// fstab(5): source, point, type, options.
Result<void> write_mounts(TextSink& out) {
    const Vector<Ref<Mount>> all = TRY(mounts());
    for (const Ref<Mount>& mount : all) {
        write_escaped(out, mount->source());
        out.write(" ");
        TRY(write_point(out, *mount));
        format(out, " {} {},relatime 0 0\n", mount->type(), access_of(*mount));
    }
    return {};
}

// proc(5): identifiers, device, root within the file system, point, options, no optional fields, type, source, options.
Result<void> write_mount_info(TextSink& out) {
    const Vector<Ref<Mount>> all = TRY(mounts());
    for (const Ref<Mount>& mount : all) {
        const uint64_t device = mount->root()->file_system().device();
        format(out, "{} {} {}:{} / ", mount->identifier(), parent_of(*mount, all), major_of(device), minor_of(device));
        TRY(write_point(out, *mount));
        format(out, " {},relatime - {} ", access_of(*mount), mount->type());
        write_escaped(out, mount->source());
        format(out, " {}\n", access_of(*mount));
    }
    return {};
}

}  // namespace eremite::fs::proc

#include "libos/fs/ninep/protocol.hpp"

#include <algorithm>

#include "libos/fs/remote/values.hpp"

namespace eremite::fs::ninep {

namespace {

constexpr size_t longest_target = 4095;

}  // namespace

int64_t Time::since_epoch() const { return remote::time_of(seconds, nanoseconds); }

Time Time::from(int64_t nanoseconds_since_epoch) {
    const remote::SplitTime time = remote::split_time(nanoseconds_since_epoch);
    return {time.seconds, time.nanoseconds};
}

void Walk::Reply::decode(Decoder& d) {
    d(count);
    if (count > 1) d.reject();
    if (count == 1) d(qid);
}

void ReadLink::Reply::decode(Decoder& d) {
    d(target);
    if (target.empty() || target.size() > longest_target || target.find('\0') != target.npos) d.reject();
}

void GetAttributes::Reply::decode(Decoder& d) {
    d(valid, qid, mode, uid, gid, links, device_number, size, block_size, blocks);
    for (Time* time : {&access, &modification, &change, &birth}) d(time->seconds, time->nanoseconds);
    d(generation, data_version);
    if (size > INT64_MAX) d.reject();
}

void Lock::Reply::decode(Decoder& d) {
    d(status);
    if (status > Grace) d.reject();
}

void GetLock::Reply::decode(Decoder& d) {
    d(range.type, range.start, range.length, range.process, client);
    if (range.type > LockRange::none) d.reject();
}

Result<DirectoryEntry> next_entry(std::span<const uint8_t>& data) {
    if (data.empty()) return Error{ENOENT};
    Decoder d{data};
    DirectoryEntry entry;
    d(entry.qid, entry.next, entry.type, entry.name);
    if (d.bad() || !remote::is_name(entry.name)) return Error{EIO};
    data = d.rest();
    return entry;
}

Result<size_t> AnyRequest::encode(std::span<uint8_t> buffer, uint16_t tag, size_t data_size) const {
    Encoder e{buffer};
    e(uint32_t{0}, static_cast<uint8_t>(type_), tag);
    encode_(request_, e);
    if (e.bad()) return Error{EMSGSIZE};
    Encoder{buffer}(static_cast<uint32_t>(e.size() + data_size));
    return e.size();
}

int errno_of(uint32_t code) {
    // Above stand numbers that only kernels use among themselves.
    return code == 0 || code > EHWPOISON ? EIO : static_cast<int>(code);
}

Result<std::span<const uint8_t>> check_reply(std::span<const uint8_t> bytes, size_t written, Type request, uint16_t tag) {
    Decoder d{bytes};
    uint32_t size = 0;
    uint8_t type = 0;
    uint16_t reply_tag = 0;
    d(size, type, reply_tag);
    if (d.bad() || size < header_size || size > written || reply_tag != tag) return Error{EIO};
    const auto fields = d.rest().first(std::min<size_t>(d.rest().size(), size - header_size));
    if (type == static_cast<uint8_t>(Type::Error) + 1) {
        Decoder error{fields};
        uint32_t code = 0;
        error(code);
        return Error{errno_of(code)};
    }
    if (type != static_cast<uint8_t>(request) + 1) return Error{EIO};
    return fields;
}

}  // namespace eremite::fs::ninep

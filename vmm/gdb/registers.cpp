#include "vmm/gdb/registers.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace eremite::vmm::gdb {

namespace {

struct Group {
    size_t first, bytes;
    std::string_view type;
};

// From `first` on, to the next one.
constexpr Group groups[] = {
    {Rax, 8, "int64"},  {Rbp, 8, "data_ptr"}, {R8, 8, "int64"},      {Rip, 8, "code_ptr"},  {Eflags, 4, "i386_eflags"}, {Cs, 4, "int32"},
    {St0, 10, "i387_ext"}, {Fctrl, 4, "int"}, {Xmm0, 16, "vec128"}, {Mxcsr, 4, "i386_mxcsr"}, {FsBase, 8, "int"},
};
constexpr std::string_view names[] = {"rax",   "rbx",   "rcx",  "rdx",   "rsi",   "rdi",   "rbp",   "rsp", "r8",  "r9",  "r10", "r11", "r12",
                                      "r13",   "r14",   "r15",  "rip",   "eflags", "cs",   "ss",    "ds",  "es",  "fs",  "gs",  "st0", "st1",
                                      "st2",   "st3",   "st4",  "st5",   "st6",   "st7",   "fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff",
                                      "fop",   "xmm0",  "xmm1", "xmm2",  "xmm3",  "xmm4",  "xmm5",  "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                                      "xmm12", "xmm13", "xmm14", "xmm15", "mxcsr", "fs_base", "gs_base", "cr0", "cr2", "cr3", "cr4", "efer"};
static_assert(std::size(names) == RegisterCount);

constexpr const Group& group_of(size_t number) {
    size_t i = 0;
    while (i + 1 < std::size(groups) && groups[i + 1].first <= number) ++i;
    return groups[i];
}

constexpr auto offsets = [] {
    std::array<size_t, RegisterCount + 1> all{};
    for (size_t i = 0; i < RegisterCount; ++i) all[i + 1] = all[i] + group_of(i).bytes;
    return all;
}();
static_assert(offsets[RegisterCount] == RegisterFile::size);

struct Feature {
    std::string_view name;
    size_t first, end;
    std::string_view types;
};

constexpr Feature features[] = {
    {"org.gnu.gdb.i386.core", Rax, Xmm0,
     R"(<flags id="i386_eflags" size="4"><field name="" start="22" end="31"/><field name="ID" start="21" end="21"/><field name="VIP" start="20" end="20"/>)"
     R"(<field name="VIF" start="19" end="19"/><field name="AC" start="18" end="18"/><field name="VM" start="17" end="17"/><field name="RF" start="16" end="16"/>)"
     R"(<field name="NT" start="14" end="14"/><field name="OF" start="11" end="11"/><field name="DF" start="10" end="10"/><field name="IF" start="9" end="9"/>)"
     R"(<field name="TF" start="8" end="8"/><field name="SF" start="7" end="7"/><field name="ZF" start="6" end="6"/><field name="AF" start="4" end="4"/>)"
     R"(<field name="PF" start="2" end="2"/><field name="" start="1" end="1"/><field name="CF" start="0" end="0"/></flags>)"},
    {"org.gnu.gdb.i386.sse", Xmm0, FsBase,
     R"(<vector id="v4f" type="ieee_single" count="4"/><vector id="v2d" type="ieee_double" count="2"/><vector id="v16i8" type="int8" count="16"/>)"
     R"(<vector id="v8i16" type="int16" count="8"/><vector id="v4i32" type="int32" count="4"/><vector id="v2i64" type="int64" count="2"/>)"
     R"(<union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/><field name="v16_int8" type="v16i8"/>)"
     R"(<field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/><field name="v2_int64" type="v2i64"/><field name="uint128" type="uint128"/></union>)"
     R"(<flags id="i386_mxcsr" size="4"><field name="IE" start="0" end="0"/><field name="DE" start="1" end="1"/><field name="ZE" start="2" end="2"/>)"
     R"(<field name="OE" start="3" end="3"/><field name="UE" start="4" end="4"/><field name="PE" start="5" end="5"/><field name="DAZ" start="6" end="6"/>)"
     R"(<field name="IM" start="7" end="7"/><field name="DM" start="8" end="8"/><field name="ZM" start="9" end="9"/><field name="OM" start="10" end="10"/>)"
     R"(<field name="UM" start="11" end="11"/><field name="PM" start="12" end="12"/><field name="FZ" start="15" end="15"/></flags>)"},
    {"org.gnu.gdb.i386.segments", FsBase, Cr0, ""},
    {"org.eremite.control", Cr0, RegisterCount, ""},
};

}  // namespace

size_t RegisterFile::width(size_t number) { return group_of(number).bytes; }

std::span<std::byte> RegisterFile::bytes(size_t number) { return std::span{all_}.subspan(offsets[number], width(number)); }

uint64_t RegisterFile::value(size_t number) const {
    uint64_t value = 0;
    const auto from = bytes(number);
    std::memcpy(&value, from.data(), std::min(from.size(), sizeof value));
    return value;
}

void RegisterFile::set(size_t number, uint64_t value) {
    const auto to = bytes(number);
    std::memcpy(to.data(), &value, std::min(to.size(), sizeof value));
}

std::string target_description() {
    std::string xml = R"(<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><architecture>i386:x86-64</architecture>)";
    for (const Feature& feature : features) {
        xml.append("<feature name=\"").append(feature.name).append("\">").append(feature.types);
        for (size_t i = feature.first; i < feature.end; ++i) {
            const Group& group = group_of(i);
            xml.append("<reg name=\"").append(names[i]).append("\" bitsize=\"").append(std::to_string(group.bytes * 8));
            xml.append("\" type=\"").append(group.type).append("\" regnum=\"").append(std::to_string(i)).append("\"/>");
        }
        xml += "</feature>";
    }
    return xml + "</target>";
}

}  // namespace eremite::vmm::gdb

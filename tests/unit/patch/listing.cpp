#include "tests/unit/patch/listing.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace eremite::arch::patch::test {
namespace {

bool is_prefix(std::string_view word) {
    for (std::string_view prefix :
         {"bnd", "notrack", "lock", "rep", "repz", "repnz", "data16", "addr32", "cs", "ds", "es", "ss", "fs", "gs"}) {
        if (word == prefix) return true;
    }
    return word.starts_with("rex");
}

std::string_view next_word(std::string_view& text) {
    const size_t start = std::min(text.find_first_not_of(' '), text.size());
    const size_t end = std::min(text.find(' ', start), text.size());
    const std::string_view word = text.substr(start, end - start);
    text.remove_prefix(end);
    return word;
}

InstructionClass classify(std::string_view mnemonic, std::string_view operands) {
    if (mnemonic == "(bad)" || mnemonic == ".byte") return InstructionClass::Invalid;
    if (mnemonic.starts_with("ret") || mnemonic.starts_with("lret") || mnemonic.starts_with("iret")) return InstructionClass::Return;
    if (mnemonic.starts_with("jmp") || mnemonic.starts_with("ljmp")) return InstructionClass::Jump;
    if (mnemonic.starts_with("call") || mnemonic.starts_with("lcall") || mnemonic.starts_with("loop")) return InstructionClass::Branch;
    if (mnemonic.starts_with('j') || mnemonic.starts_with("xbegin")) return InstructionClass::Branch;
    if (mnemonic.starts_with("nop") || mnemonic == "int3") return InstructionClass::Nop;
    if (mnemonic == "xchg" && operands.find("%ax,%ax") != operands.npos) return InstructionClass::Nop;
    if (mnemonic == "ud2" || mnemonic == "hlt") return InstructionClass::Trap;
    return InstructionClass::Ordinary;
}

// "  4010a6:\t0f 05                \tsyscall" with -w --insn-width=16.
bool parse(std::string_view line, ListedSection& section) {
    const size_t colon = line.find(":\t");
    if (line.empty() || line[0] != ' ' || colon == line.npos) return false;
    ListedInstruction i{};
    i.address = std::strtoull(std::string{line.substr(0, colon)}.c_str(), nullptr, 16);
    i.offset = section.bytes.size();
    line.remove_prefix(colon + 2);
    const size_t tab = line.find('\t');
    std::string_view bytes = line.substr(0, tab);
    for (std::string_view byte = next_word(bytes); !byte.empty(); byte = next_word(bytes)) {
        section.bytes.push_back(static_cast<uint8_t>(std::strtoul(std::string{byte}.c_str(), nullptr, 16)));
    }
    i.length = section.bytes.size() - i.offset;
    i.split = i.length > 1 && section.bytes[i.offset] == 0x9b;

    std::string_view text = tab == line.npos ? std::string_view{} : line.substr(tab + 1);
    std::string_view mnemonic = next_word(text);
    while (is_prefix(mnemonic) && text.find_first_not_of(' ') != text.npos) mnemonic = next_word(text);
    i.kind = text.find("(bad)") != text.npos ? InstructionClass::Invalid : classify(mnemonic, text);
    if ((i.kind == InstructionClass::Jump || i.kind == InstructionClass::Branch) && text.find('*') == text.npos) {
        i.target = std::strtoull(std::string{next_word(text)}.c_str(), nullptr, 16);
    }
    section.instructions.push_back(i);
    return true;
}

}  // namespace

std::string ListedSection::hex(const ListedInstruction& i) const {
    std::string out;
    char digits[8];
    for (size_t at = i.offset; at < bytes.size() && at < i.offset + std::max<size_t>(i.length, longest_instruction); ++at) {
        std::snprintf(digits, sizeof digits, "%s%02x", at == i.offset + i.length ? " | " : " ", bytes[at]);
        out += digits;
    }
    return out;
}

std::vector<ListedSection> disassemble(const std::string& path) {
    std::vector<ListedSection> sections;
    const std::string command = "objdump -d -z -w --insn-width=16 '" + path + "'";
    std::unique_ptr<FILE, int (*)(FILE*)> pipe{popen(command.c_str(), "r"), pclose};
    if (!pipe) return sections;
    std::string file;
    char buffer[4096];
    while (std::fgets(buffer, sizeof buffer, pipe.get())) {
        std::string_view line{buffer};
        if (line.ends_with('\n')) line.remove_suffix(1);
        if (const size_t at = line.find(":     file format"); at != line.npos) {
            file = line.substr(0, at);
        } else if (constexpr std::string_view mark = "Disassembly of section "; line.starts_with(mark)) {
            sections.push_back({file + " " + std::string{line.substr(mark.size())}, {}, {}});
        } else if (!sections.empty()) {
            parse(line, sections.back());
        }
    }
    return sections;
}

}  // namespace eremite::arch::patch::test

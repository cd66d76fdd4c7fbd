#include "codecs.hpp"

#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr size_t chunk = 256 * 1024;

size_t read_some(std::FILE* from, std::vector<unsigned char>& buffer) {
    const size_t size = std::fread(buffer.data(), 1, buffer.size(), from);
    if (std::ferror(from)) throw std::runtime_error("cannot read");
    return size;
}

void write_all(std::FILE* to, const std::vector<unsigned char>& buffer, size_t size) {
    if (std::fwrite(buffer.data(), 1, size, to) != size) throw std::runtime_error("cannot write");
}

size_t checked(size_t code) {
    if (ZSTD_isError(code)) throw std::runtime_error(std::string{"zstd: "} + ZSTD_getErrorName(code));
    return code;
}

void checked_zlib(int code, const z_stream& stream) {
    if (code < 0 && code != Z_BUF_ERROR) throw std::runtime_error(std::string{"zlib: "} + (stream.msg ? stream.msg : zError(code)));
}

// Feeds the file through `step`, which is deflate or inflate, to the end.
template <typename Step>
void pump(std::FILE* from, std::FILE* to, z_stream& stream, Step step) {
    std::vector<unsigned char> in(chunk), out(chunk);
    int code = Z_OK;
    while (code != Z_STREAM_END) {
        stream.avail_in = static_cast<uInt>(read_some(from, in));
        stream.next_in = in.data();
        const bool last = stream.avail_in < chunk;
        do {
            stream.avail_out = chunk;
            stream.next_out = out.data();
            code = step(stream, last ? Z_FINISH : Z_NO_FLUSH);
            checked_zlib(code, stream);
            write_all(to, out, chunk - stream.avail_out);
        } while (stream.avail_out == 0);
        if (last && code != Z_STREAM_END) throw std::runtime_error("zlib: the data end too early");
    }
}

}  // namespace

void zlib_compress(std::FILE* from, std::FILE* to, int level) {
    z_stream stream{};
    checked_zlib(deflateInit(&stream, level), stream);
    const std::unique_ptr<z_stream, int (*)(z_stream*)> owner{&stream, deflateEnd};
    pump(from, to, stream, [](z_stream& s, int flush) { return deflate(&s, flush); });
}

void zlib_restore(std::FILE* from, std::FILE* to) {
    z_stream stream{};
    checked_zlib(inflateInit(&stream), stream);
    const std::unique_ptr<z_stream, int (*)(z_stream*)> owner{&stream, inflateEnd};
    pump(from, to, stream, [](z_stream& s, int) { return inflate(&s, Z_NO_FLUSH); });
}

void zstd_compress(std::FILE* from, std::FILE* to, int level) {
    const std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context{ZSTD_createCCtx(), ZSTD_freeCCtx};
    if (!context) throw std::bad_alloc{};
    checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level));
    checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1));
    std::vector<unsigned char> in(chunk), out(chunk);
    for (bool last = false; !last;) {
        ZSTD_inBuffer input{in.data(), read_some(from, in), 0};
        last = input.size < chunk;
        size_t left = 0;
        do {
            ZSTD_outBuffer output{out.data(), chunk, 0};
            left = checked(ZSTD_compressStream2(context.get(), &output, &input, last ? ZSTD_e_end : ZSTD_e_continue));
            write_all(to, out, output.pos);
        } while (last ? left != 0 : input.pos < input.size);
    }
}

void zstd_restore(std::FILE* from, std::FILE* to) {
    const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context{ZSTD_createDCtx(), ZSTD_freeDCtx};
    if (!context) throw std::bad_alloc{};
    std::vector<unsigned char> in(chunk), out(chunk);
    size_t left = 1;
    while (const size_t size = read_some(from, in)) {
        ZSTD_inBuffer input{in.data(), size, 0};
        while (input.pos < input.size) {
            ZSTD_outBuffer output{out.data(), chunk, 0};
            left = checked(ZSTD_decompressStream(context.get(), &output, &input));
            write_all(to, out, output.pos);
        }
    }
    if (left != 0) throw std::runtime_error("zstd: the data end too early");
}

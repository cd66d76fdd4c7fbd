# libext2fs of e2fsprogs (LGPL 2), on which the component `volume` is built: its sources come from the distribution's source package and
# are fetched when the build is configured. Where they cannot be had the component is left out.
#   EREMITE_EXT2FS_SOURCES, EREMITE_EXT2FS_INCLUDES: what of it is used
set(EREMITE_E2FSPROGS ${PROJECT_BINARY_DIR}/e2fsprogs)
if(EREMITE_VOLUME AND NOT EREMITE_VIRTIO)
  message(STATUS "There are no volumes without EREMITE_VIRTIO")
  set(EREMITE_VOLUME OFF)
endif()
if(EREMITE_VOLUME AND NOT IS_DIRECTORY ${EREMITE_E2FSPROGS}/sources)
  message(STATUS "Fetching the source package e2fsprogs")
  execute_process(COMMAND ${PROJECT_SOURCE_DIR}/scripts/fetch_source.sh ${EREMITE_E2FSPROGS} e2fsprogs
                  RESULT_VARIABLE failed OUTPUT_VARIABLE messages ERROR_VARIABLE messages)
  if(failed)
    message(WARNING "Volumes are left out (EREMITE_VOLUME): ${messages}")
    set(EREMITE_VOLUME OFF)
  endif()
endif()
if(NOT EREMITE_VOLUME)
  return()
endif()

set(sources ${EREMITE_E2FSPROGS}/sources/lib)
set(generated ${PROJECT_BINARY_DIR}/generated/ext2fs)

# Error codes: counted from a base that follows from the table's name (com_err).
set(number 2133571328)
set(text "#pragma once\n#define EXT2_ET_BASE (${number}L)\n")
file(STRINGS ${sources}/ext2fs/ext2_err.et.in codes REGEX "^ec[ \t]")
foreach(code IN LISTS codes)
  string(REGEX REPLACE "^ec[ \t]+([A-Z0-9_]+).*" "\\1" name "${code}")
  string(APPEND text "#define ${name} (${number}L)\n")
  math(EXPR number "${number} + 1")
endforeach()
file(CONFIGURE OUTPUT ${generated}/ext2fs/ext2_err.h CONTENT "${text}" @ONLY)
file(CONFIGURE OUTPUT ${generated}/ext2_err.h CONTENT "${text}" @ONLY)

set(EREMITE_EXT2FS_INCLUDES ${PROJECT_SOURCE_DIR}/libos/fs/ext4/library/include ${generated} ${sources} ${sources}/ext2fs)

set(EREMITE_EXT2FS_SOURCES)
foreach(file IN ITEMS alloc alloc_sb alloc_stats badblocks bitmaps bitops blkmap64_ba blkmap64_rb blknum block bmap check_desc closefs crc16
             csum dirblock dir_iterate ext_attr extent freefs gen_bitmap gen_bitmap64 get_num_dirs hashmap i_block ind_block inline inode
             io_manager native openfs punch read_bb rbtree rw_bitmaps swapfs valid_blk)
  list(APPEND EREMITE_EXT2FS_SOURCES ${sources}/ext2fs/${file}.c)
endforeach()

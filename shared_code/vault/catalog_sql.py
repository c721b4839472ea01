"""Every SQL statement over an opened catalog. Values only ever come in as parameters.

``versions`` holds every row of the opened segments. ``id`` grows with segment and ordinal, so that the newest row of
a key is the one with the greatest id. ``is_newest``: the last word on (feed, item id). ``lives``: that, and no
tombstone. ``is_shown``: the newest living one of its item id in any feed (while an item moves between two
folders it can live in both for a night). The hashes make lookups one scan of eight bytes a row; whoever uses them
compares the strings themselves afterwards. Columns are kept uncompressed so that a row is fetched by its id without
decoding its neighbours.
"""

from __future__ import annotations

from shared_code.model.item import ItemKind
from shared_code.vault.catalog_rows import VERSION_COLUMNS

COLUMNS = ", ".join(f'"{name}"' for name in VERSION_COLUMNS)

_FOLDER_KINDS = ", ".join(f"'{kind}'" for kind in ItemKind if kind.is_folder)

ORDINAL_BITS = 32
"""A row's id: the number of its segment above these bits, its ordinal in them."""

SETTINGS = "SET force_compression = 'uncompressed'; PRAGMA disable_checkpoint_on_shutdown"

CREATE_ROWS = """
CREATE TEMP TABLE newest (id BIGINT);
CREATE TEMP TABLE shown (id BIGINT);
CREATE TABLE versions (
    id BIGINT, is_newest BOOLEAN, lives BOOLEAN, is_shown BOOLEAN, is_folder BOOLEAN,
    key_hash UBIGINT, item_hash UBIGINT, bytes_hash UBIGINT,
    feed VARCHAR, item_id VARCHAR, kind VARCHAR, parent_id VARCHAR, name VARCHAR, sender VARCHAR, "time" TIMESTAMP,
    size_bytes BIGINT, etag VARCHAR, content_hash VARCHAR, opens_feed VARCHAR, skip_cause VARCHAR, deleted BOOLEAN,
    seq INTEGER,
    representations STRUCT(form VARCHAR, size_bytes BIGINT, chunks STRUCT(
        pack VARCHAR, version_id VARCHAR, "offset" BIGINT, length INTEGER, size_bytes INTEGER, sha256 VARCHAR)[])[],
    properties VARCHAR
)
"""

KEYS_OF = "SELECT ({number}::BIGINT << 32) + ordinal AS id, feed, item_id, deleted FROM read_parquet({path})"
"""Braces: the number of the segment and the path of its file, both the program's own."""

FIND_NEWEST = """
INSERT INTO newest SELECT max(id) FROM ({keys}) GROUP BY feed, item_id
"""

FIND_SHOWN = """
INSERT INTO shown SELECT max(id) FROM ({keys}) WHERE NOT deleted AND id IN (SELECT id FROM newest) GROUP BY item_id
"""

LOAD_SEGMENT = """
INSERT INTO versions
SELECT ({number}::BIGINT << 32) + ordinal AS id,
       ({number}::BIGINT << 32) + ordinal IN (SELECT id FROM newest) AS is_newest,
       NOT deleted AND ({number}::BIGINT << 32) + ordinal IN (SELECT id FROM newest) AS lives,
       ({number}::BIGINT << 32) + ordinal IN (SELECT id FROM shown) AS is_shown,
       kind IN ({folder_kinds}) AS is_folder,
       hash(feed, item_id) AS key_hash,
       hash(item_id) AS item_hash,
       CASE WHEN content_hash <> '' AND len(representations) > 0 THEN hash(content_hash) END AS bytes_hash,
       {columns}
FROM read_parquet({path})
""".replace("{columns}", COLUMNS).replace("{folder_kinds}", _FOLDER_KINDS)

INDEX_ROWS = "CREATE UNIQUE INDEX versions_by_id ON versions (id); DROP TABLE newest; DROP TABLE shown"

FETCH = "SELECT id, {columns} FROM versions WHERE id IN ({marks})".replace("{columns}", COLUMNS)

PREVIOUS = """
SELECT 'key' AS asked, id FROM versions
WHERE is_newest AND key_hash IN (SELECT hash(f, i) FROM (SELECT unnest($feeds) AS f, unnest($items) AS i))
UNION ALL
SELECT 'item' AS asked, id FROM versions
WHERE is_shown AND item_hash IN (SELECT hash(i) FROM (SELECT unnest($items) AS i))
UNION ALL
SELECT 'bytes' AS asked, max(id) AS id FROM versions
WHERE lives AND bytes_hash IN (SELECT hash(h) FROM (SELECT unnest($hashes) AS h)) GROUP BY content_hash
"""

FIND_BURIED = f"""
CREATE OR REPLACE TEMP TABLE buried AS
WITH RECURSIVE
missing AS (
    SELECT id FROM versions
    JOIN (SELECT unnest($feeds::VARCHAR[]) AS feed, unnest($first_ids::BIGINT[]) AS first_id) AS relisted USING (feed)
    WHERE lives AND id < first_id AND kind <> '{ItemKind.FILE_VERSION}'
),
kept AS (
    SELECT id, item_id, parent_id, is_folder, kind FROM versions
    WHERE lives AND id NOT IN (SELECT id FROM missing)
),
dead(item_id) AS (
    SELECT item_id FROM versions
    WHERE is_newest AND is_folder AND (deleted OR id IN (SELECT id FROM missing))
      AND item_id NOT IN (SELECT item_id FROM kept)
    UNION
    SELECT kept.item_id FROM kept JOIN dead ON kept.parent_id = dead.item_id WHERE kept.is_folder
),
doomed_themselves AS (
    SELECT id, item_id, parent_id FROM versions
    WHERE id IN (SELECT id FROM missing)
       OR id IN (SELECT id FROM kept WHERE parent_id IN (SELECT item_id FROM dead))
),
gone_files AS (
    SELECT item_id FROM doomed_themselves
    UNION
    SELECT item_id FROM versions
    WHERE is_newest AND deleted AND kind = '{ItemKind.FILE}' AND item_id NOT IN (SELECT item_id FROM kept)
),
doomed AS (
    SELECT id, item_id, parent_id FROM doomed_themselves
    UNION
    SELECT id, item_id, parent_id FROM kept
    WHERE kind = '{ItemKind.FILE_VERSION}' AND parent_id IN (SELECT item_id FROM gone_files)
),
doomed_parents AS (SELECT item_id, parent_id FROM doomed WHERE item_id IN (SELECT parent_id FROM doomed)),
levels(item_id, depth) AS (
    SELECT item_id, 0 FROM doomed_parents WHERE parent_id NOT IN (SELECT item_id FROM doomed_parents)
    UNION
    SELECT doomed_parents.item_id, depth + 1
    FROM doomed_parents JOIN levels ON doomed_parents.parent_id = levels.item_id
    WHERE depth < 500
),
depths AS (SELECT item_id, max(depth) AS depth FROM levels GROUP BY item_id)
SELECT row_number() OVER (ORDER BY coalesce(depths.depth, 1000), doomed.id) AS position, doomed.id AS id
FROM doomed LEFT JOIN depths USING (item_id)
"""  # noqa: S608 - the program's own text
"""Dead: folders that were deleted, or are missing in a new listing, and the folders below them. What lies in a folder
that was never heard of stays: its parent may come later. Earlier versions go with their file and never for being
missing, since a listing names none of a file whose versions the source withholds (an infected one, a locked one); those
beyond the wanted number are deleted by name. Things that nothing else
names as their parent come last, behind all that has a depth."""

BURIED_AFTER = "SELECT position, id FROM buried WHERE position > $after ORDER BY position LIMIT $limit"

SHOWN_ITEM = """
SELECT id, parent_id, is_folder FROM versions WHERE is_shown AND item_hash = hash($item) AND item_id = $item
"""

SHOWN_ITEMS = """
SELECT item_id, is_folder FROM versions
WHERE is_shown AND item_hash IN (SELECT hash(i) FROM (SELECT unnest($items) AS i))
  AND list_contains($items::VARCHAR[], item_id)
"""

_NO_PARENT = "parent_id NOT IN (SELECT item_id FROM versions WHERE is_shown AND is_folder)"
_AT_TOP = f"({_NO_PARENT} AND kind <> '{ItemKind.FILE_VERSION}')"
_CHILD_AT_TOP = f"(child.{_NO_PARENT} AND child.kind <> '{ItemKind.FILE_VERSION}')"
"""At the top stands also what lies in a folder that was never heard of: nothing is out of sight. An earlier version of
a file is seen below its file alone."""

CHILDREN = f"""
SELECT id FROM versions WHERE is_shown AND (parent_id = $parent OR ($parent = '' AND {_AT_TOP}))
ORDER BY is_folder DESC, name, item_id LIMIT $limit
"""  # noqa: S608 - the program's own text

CHILDREN_AFTER = f"""
SELECT child.id FROM versions AS child, (
    SELECT is_folder, name, item_id FROM versions
    WHERE is_shown AND item_hash = hash($last) AND item_id = $last
      AND (parent_id = $parent OR ($parent = '' AND {_AT_TOP}))
) AS last
WHERE child.is_shown AND (child.parent_id = $parent OR ($parent = '' AND {_CHILD_AT_TOP}))
  AND (NOT child.is_folder, child.name, child.item_id) > (NOT last.is_folder, last.name, last.item_id)
ORDER BY child.is_folder DESC, child.name, child.item_id LIMIT $limit
"""  # noqa: S608 - the program's own text

_IS_CURRENT = f"NOT is_folder AND kind <> '{ItemKind.FILE_VERSION}'"
"""What a restore brings back by itself; an earlier version has to be asked for by its id."""

COUNT_ITEMS = f"SELECT count(*) FROM versions WHERE is_shown AND {_IS_CURRENT}"  # noqa: S608 - the program's own text

FIND_FOLDERS = """
CREATE TEMP TABLE IF NOT EXISTS folders AS
WITH RECURSIVE
shown_folders AS (SELECT id, item_id, parent_id FROM versions WHERE is_shown AND is_folder),
levels(item_id, depth) AS (
    SELECT item_id, 0 FROM shown_folders WHERE parent_id NOT IN (SELECT item_id FROM shown_folders)
    UNION
    SELECT child.item_id, depth + 1 FROM shown_folders AS child JOIN levels ON child.parent_id = levels.item_id
)
SELECT id, item_id, parent_id, coalesce(depth, 1000000) AS depth FROM shown_folders LEFT JOIN levels USING (item_id)
"""
"""An item id is shown once, so that a folder has one parent and the levels are a forest: they end. Folders that are
their own ancestors, and what is below them, have no level and come last in any order; a backup buries them, since their
chain of parents never ends."""

CHOOSE_BELOW = """
CREATE OR REPLACE TEMP TABLE chosen AS
WITH RECURSIVE below(item_id) AS (
    SELECT item_id FROM folders WHERE list_contains($folders::VARCHAR[], item_id)
    UNION
    SELECT folders.item_id FROM folders JOIN below ON folders.parent_id = below.item_id
)
SELECT item_id FROM below
"""

EVERYTHING_AFTER = f"""
SELECT id FROM versions WHERE is_shown AND {_IS_CURRENT} AND item_id > $after ORDER BY item_id LIMIT $limit
"""  # noqa: S608 - the program's own text

CHOSEN_AFTER = """
SELECT id FROM versions
WHERE is_shown AND NOT is_folder AND item_id > $after
  AND (parent_id IN (SELECT item_id FROM chosen) OR item_id IN (SELECT unnest($items::VARCHAR[])))
ORDER BY item_id LIMIT $limit
"""

ALL_FOLDERS = "SELECT id FROM folders ORDER BY depth, id"

CHOSEN_FOLDERS = """
WITH RECURSIVE
wanted AS (
    SELECT item_id, parent_id FROM versions WHERE is_shown AND item_id IN (SELECT unnest($items::VARCHAR[]))
),
above(item_id) AS (
    SELECT item_id FROM chosen
    UNION
    SELECT parent_id FROM wanted
    UNION
    SELECT parent_id FROM versions WHERE is_shown AND NOT is_folder AND item_id IN (SELECT parent_id FROM wanted)
    UNION
    SELECT folders.parent_id FROM folders JOIN above ON folders.item_id = above.item_id
)
SELECT id FROM folders WHERE item_id IN (SELECT item_id FROM above) ORDER BY depth, id
"""
"""Above an earlier version stands its file, and above that the folders."""

LIVE_PACKS = """
SELECT pack, version_id, sum(length) FROM (
    SELECT DISTINCT chunk.pack AS pack, chunk.version_id AS version_id, chunk."offset" AS place, chunk.length AS length
    FROM (
        SELECT unnest(representation.chunks) AS chunk
        FROM (SELECT unnest(representations) AS representation FROM versions WHERE lives)
    )
) GROUP BY pack, version_id
"""
"""Packs that living versions name, with the stored bytes of their living chunks, each chunk counted once."""

HOLDERS_AFTER = """
SELECT id FROM versions
WHERE lives AND id > $after AND len(list_filter(representations, lambda r: len(list_filter(r.chunks, lambda c:
    list_contains($packs::VARCHAR[], c.pack || chr(10) || c.version_id))) > 0)) > 0
ORDER BY id LIMIT $limit
"""
"""Living versions with a chunk in one of these packs (name, line feed, version id)."""

COUNT_LIVING = "SELECT count(*) FROM versions WHERE lives"

MERGE = f"""
COPY (
    SELECT {", ".join(f'"{name}"' for name in VERSION_COLUMNS[:-2])},
           (row_number() OVER () - 1)::INTEGER AS ordinal, representations, properties
    FROM versions WHERE lives
) TO {{target}} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 16384, KV_METADATA {{{{'{{key}}': '{{version}}'}}}})
"""  # noqa: S608 - the program's own text
"""Everything alive, as one new segment."""

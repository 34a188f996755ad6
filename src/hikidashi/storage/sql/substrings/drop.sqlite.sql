DROP TRIGGER IF EXISTS {index}_insert;
DROP TRIGGER IF EXISTS {index}_update;
DROP TRIGGER IF EXISTS {index}_publish;
DROP TRIGGER IF EXISTS {index}_delete;
DROP TABLE IF EXISTS {index}_pieces;
DROP TABLE IF EXISTS {index};

DROP TRIGGER IF EXISTS {index}_insert ON {table};
DROP TRIGGER IF EXISTS {index}_update ON {table};
DROP TRIGGER IF EXISTS {index}_delete ON {table};
DROP FUNCTION IF EXISTS {index}_add();
DROP FUNCTION IF EXISTS {index}_follow();
DROP TABLE IF EXISTS {index};

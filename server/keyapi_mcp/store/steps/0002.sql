-- Judgements as columns, what changed since the day before, and what the user watches and screens for.
ALTER TABLE products ADD COLUMN stage TEXT;
ALTER TABLE products ADD COLUMN follow_window TEXT;
ALTER TABLE products ADD COLUMN opportunity FLOAT;
ALTER TABLE products ADD COLUMN previous_stage TEXT;
ALTER TABLE products ADD COLUMN severity INTEGER;
ALTER TABLE products ADD COLUMN last_search INTEGER;
CREATE INDEX products_by_severity ON products (severity, gmv_30d_usd, region, product_id);
CREATE TABLE watched (
  product_id TEXT NOT NULL,
  added_at FLOAT NOT NULL,
  note TEXT,
  PRIMARY KEY (product_id)
);
CREATE TABLE recipe_finds (
  recipe TEXT NOT NULL,
  region TEXT NOT NULL,
  product_id TEXT NOT NULL,
  data_day INTEGER NOT NULL,
  pages INTEGER NOT NULL,
  PRIMARY KEY (recipe, region, product_id)
);
CREATE INDEX recipe_finds_by_product ON recipe_finds (product_id);
